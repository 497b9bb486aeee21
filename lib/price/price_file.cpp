#include "price/price_file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>

#include "price/default_prices.hpp"
#include "price/price_keys.hpp"

namespace kv {
namespace {

constexpr std::size_t kMostEntries = 1000;

constexpr TomlDialect kPriceDialect{
    .noun = "a price file",
    .shape_hint = "key = value below [common] and [[gpu]], [[node]] and others; strings stand in quotes",
    .keys_hint = "lib/price/default_prices.toml shows every key",
    .size_hint = "is this a price file?",
    .dates = true,
};

/// "2026-05-20".
std::optional<std::chrono::sys_days> date_of(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto number = [&](std::size_t at, std::size_t digits) {
    int value = -1;
    const auto parsed = std::from_chars(text.data() + at, text.data() + at + digits, value);
    return parsed.ptr == text.data() + at + digits ? value : -1;
  };
  const int year = number(0, 4), month = number(5, 2), day = number(8, 2);
  if (year < 2000 || year > 2999 || month < 1 || day < 1) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date);
}

Result<void> read_date(const TomlValue& root, PriceFile& out) {
  const TomlValue* value = root.find("date");
  if (value == nullptr) return root.wrong("the key date is missing", "date = 2026-05-20: the day of these prices");
  const auto* text = std::get_if<std::string>(&value->data);
  const auto date = text == nullptr ? std::nullopt : date_of(*text);
  if (!date) return value->wrong("must be a date of this millennium, like 2026-05-20");
  out.date = *date;
  return {};
}

/// The tables [[key]] of the file, each entry by its rows; no two of one name.
template <class T>
Result<void> read_list(const TomlValue& root, const char* key, const std::vector<TomlKey<T>>& rows,
                       std::vector<T>& out) {
  const TomlValue* list = root.find(key);
  if (list == nullptr) return {};
  const auto items = read_as_array(*list, kMostEntries);
  if (!items) return error(items);
  for (const TomlValue& item : **items) {
    T entry;
    const auto read = read_table<T>(item, rows, entry);
    if (!read) return error(read);
    const auto same = std::find_if(out.begin(), out.end(), [&](const T& other) { return other.name == entry.name; });
    if (same != out.end()) {
      return item.wrong(fmt::format("a second {}; the first is in line {}", quote(entry.name),
                                    (**items)[static_cast<std::size_t>(same - out.begin())].line),
                        "names tell entries apart: change one");
    }
    out.push_back(std::move(entry));
  }
  return {};
}

const std::vector<std::string>& table_names() {
  static const std::vector<std::string> names{"date",   "common", "gpu",      "node",  "serverless",
                                              "server", "local",  "platform", "effort"};
  return names;
}

Result<void> read_known(const TomlValue& root) {
  for (const TomlMember& member : std::get<TomlValue::Table>(root.data)) {
    const auto& names = table_names();
    if (std::find(names.begin(), names.end(), member.name) == names.end()) {
      return unknown_key(member.value, member.name, names);
    }
  }
  return {};
}

Result<void> read_common(const TomlValue& root, PriceFile& out) {
  const TomlValue* common = root.find("common");
  if (common == nullptr) return root.wrong("the table [common] is missing", std::string(kPriceDialect.keys_hint));
  return read_table<CommonPrices>(*common, common_price_keys(), out.common);
}

template <class T>
void list_keys(std::string table, const std::vector<TomlKey<T>>& keys, std::vector<PriceKeyRow>& out) {
  for (const TomlKey<T>& key : keys) out.push_back({table, key.name, key.preset, key.summary});
}

}  // namespace

Result<PriceFile> parse_prices(std::string_view text, const std::string& name) {
  const auto root = parse_toml(text, name, kPriceDialect);
  if (!root) return error(root);
  PriceFile out;
  out.name = name;
  const std::array<Result<void>, 3> read_first{read_known(*root), read_date(*root, out), read_common(*root, out)};
  for (const Result<void>& read : read_first) {
    if (!read) return error(read);
  }
  const std::array<Result<void>, 7> read_lists{
      read_list(*root, "gpu", gpu_price_keys(), out.gpus),
      read_list(*root, "node", node_price_keys(), out.nodes),
      read_list(*root, "serverless", serverless_price_keys(), out.serverless),
      read_list(*root, "server", server_price_keys(), out.servers),
      read_list(*root, "local", local_price_keys(), out.locals),
      read_list(*root, "platform", platform_price_keys(), out.platforms),
      read_list(*root, "effort", effort_price_keys(), out.efforts),
  };
  for (const Result<void>& read : read_lists) {
    if (!read) return error(read);
  }
  return out;
}

Result<PriceFile> read_prices(const std::string& path) {
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  std::string text(kMaxTomlBytes + 1, '\0');  // one more than is taken: parse_toml() says so
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (in.bad() || (text.empty() && errno != 0)) {
    return error(Code::bad_input, fmt::format("{}: cannot be read: {}", path, std::strerror(errno == 0 ? EIO : errno)),
                 "check the name and its permissions");
  }
  return parse_prices(text, path);
}

std::string_view default_price_text() { return kDefaultPrices; }

Result<PriceFile> default_prices() { return parse_prices(default_price_text(), "the built-in prices"); }

std::vector<PriceKeyRow> price_keys() {
  std::vector<PriceKeyRow> out{{"", "date", kRequired, "the day of these prices, like 2026-05-20"}};
  list_keys("common", common_price_keys(), out);
  list_keys("gpu", gpu_price_keys(), out);
  list_keys("node", node_price_keys(), out);
  list_keys("serverless", serverless_price_keys(), out);
  list_keys("server", server_price_keys(), out);
  list_keys("local", local_price_keys(), out);
  list_keys("platform", platform_price_keys(), out);
  list_keys("effort", effort_price_keys(), out);
  return out;
}

std::string format_date(std::chrono::sys_days date) {
  const std::chrono::year_month_day d(date);
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(d.year()), static_cast<unsigned>(d.month()),
                     static_cast<unsigned>(d.day()));
}

std::optional<std::string> price_date_warning(const PriceFile& prices, std::chrono::sys_days today) {
  const std::chrono::days age = today - prices.date;
  if (age < std::chrono::days(0)) {
    return fmt::format("{} is dated {}, a day to come", prices.name, format_date(prices.date));
  }
  if (age <= kPricesAge) return std::nullopt;
  return fmt::format("{}: prices of {} are more than {} days old; check them, and say --prices FILE", prices.name,
                     format_date(prices.date), kPricesAge.count());
}

}  // namespace kv
