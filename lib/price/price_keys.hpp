#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/rate.hpp"
#include "base/toml_keys.hpp"
#include "price/price_file.hpp"

namespace kv {

/// Rows for the members that price tables have. Bounds are far beyond any price: they keep products finite.
inline constexpr double kMostUsd = 1e9;

/// A number, or a table of low, typical and high; 0 <= low <= typical <= high <= kMostUsd.
Result<Uncertain> read_range(const TomlValue& value);
/// A size with its unit, 1 byte to 1 EiB. A rate with its unit, 1 B/s to 1 PB/s.
Result<Bytes> read_size(const TomlValue& value);
Result<double> read_rate(const TomlValue& value);

/// Reads a member by `read` into `into`, which may be an optional.
template <class T, class Member, class Read>
TomlKey<T> member_key(std::string name, Member T::*into, std::string preset, std::string summary, Read read) {
  return {std::move(name), std::move(preset), std::move(summary), [=](const TomlValue& value, T& out) -> Result<void> {
            auto got = read(value);
            if (!got) return error(got);
            out.*into = std::move(*got);
            return {};
          }};
}

template <class T, class Member>
TomlKey<T> range_key(std::string name, Member T::*into, std::string preset, std::string summary) {
  return member_key(std::move(name), into, std::move(preset), std::move(summary), read_range);
}
template <class T>
TomlKey<T> size_key(std::string name, Bytes T::*into, std::string preset, std::string summary) {
  return member_key(std::move(name), into, std::move(preset), std::move(summary), read_size);
}
template <class T, class Member>
TomlKey<T> rate_key(std::string name, Member T::*into, std::string preset, std::string summary) {
  return member_key(std::move(name), into, std::move(preset), std::move(summary), read_rate);
}

/// The keys of every table: where its figures come from.
template <class T>
void add_source_keys(std::vector<TomlKey<T>>& keys) {
  keys.push_back(member_key("source", &T::source, kRequired, "where the figures were read",
                            [](const TomlValue& value) { return read_text(value, 200); }));
  keys.push_back(member_key("verified", &T::verified, "true", "false: from memory, or an assumption", read_flag));
}

/// The keys of every entry of a list.
template <class T>
std::vector<TomlKey<T>> entry_keys(std::string name_summary, std::vector<TomlKey<T>> own) {
  own.push_back(member_key("name", &T::name, kRequired, std::move(name_summary),
                           [](const TomlValue& value) { return read_text(value, 40); }));
  add_source_keys(own);
  return own;
}

/// The rows of each table.
std::vector<TomlKey<GpuPrice>> gpu_price_keys();
std::vector<TomlKey<NodePrice>> node_price_keys();
std::vector<TomlKey<ServerlessPrice>> serverless_price_keys();
std::vector<TomlKey<ServerPrice>> server_price_keys();
std::vector<TomlKey<LocalPrice>> local_price_keys();
std::vector<TomlKey<PlatformPrice>> platform_price_keys();
std::vector<TomlKey<EffortPrice>> effort_price_keys();
std::vector<TomlKey<CommonPrices>> common_price_keys();

}  // namespace kv
