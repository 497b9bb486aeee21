#include <fmt/format.h>

#include <array>

#include "base/parse.hpp"
#include "codec/rows.hpp"

namespace kv {
namespace {

std::string known_codecs() {
  std::string list;
  for (const CodecRow& row : codecs()) list += (list.empty() ? "" : ", ") + row.name;
  return "known codecs: " + list + "; joined with '+', as in int8+zstd:3";
}

const CodecRow* find_row(std::string_view name) {
  for (const CodecRow& row : codecs()) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

tl::unexpected<Error> unknown(const std::string& name) {
  std::vector<std::string> names;
  for (const CodecRow& row : codecs()) names.push_back(row.name);
  const auto close = nearest(name, names);
  return error(Code::bad_input, fmt::format("unknown codec {}", quote(name)),
               close ? fmt::format("did you mean '{}'? {}", *close, known_codecs()) : known_codecs());
}

/// "zstd:3".
Result<CodecSpec::Stage> parse_stage(const std::string& text) {
  const std::size_t colon = text.find(':');
  const CodecRow* row = find_row(std::string_view(text).substr(0, colon));
  if (row == nullptr) return unknown(text.substr(0, colon));
  std::vector<std::pair<std::string, std::string>> given;
  if (colon != std::string::npos) {
    if (row->options.empty()) {
      return error(Code::bad_input, fmt::format("codec {}: {} takes no option", quote(text), row->name),
                   fmt::format("write {} alone", row->name));
    }
    given.emplace_back(row->options.front().key, text.substr(colon + 1));
  }
  auto options = OptionValues::check(row->name, row->options, given);
  if (!options) return error(options);
  if (row->check != nullptr) {
    if (auto ok = row->check(*options); !ok) return error(ok);
  }
  return CodecSpec::Stage{row, *std::move(options)};
}

}  // namespace

std::span<const CodecRow> codecs() {
  static const std::array rows{kRawRow,    kFp16Row, kBf16Row, kFp8Row,     kInt8Row,      kInt4Row,
                               kPickleRow, kLz4Row,  kZstdRow, kShuffleRow, kBitShuffleRow};
  return rows;
}

std::span<const std::string> codec_compositions() {
  static const std::array<std::string, 9> compositions{"zstd:1",      "bitshuffle:zstd", "bf16+shuffle",
                                                       "fp16+zstd:3", "fp8+zstd:3",      "int8+lz4",
                                                       "int8+zstd:3", "int4:32+zstd",    "pickle+zstd:1"};
  return compositions;
}

std::uint32_t CodecSpec::id() const {
  std::uint32_t out = 0;
  for (std::size_t i = 0; i < stages.size(); ++i) out |= std::uint32_t{stages[i].row->number} << (8 * i);
  return out;
}

Result<std::unique_ptr<Codec>> CodecSpec::make() const {
  auto first = stages.front().row->make(stages.front().options);
  if (!first) return first;
  std::vector<std::unique_ptr<ByteCodec>> rest;
  for (std::size_t i = 1; i < stages.size(); ++i) {
    auto stage = stages[i].row->make_bytes(stages[i].options);
    if (!stage) return error(stage);
    rest.push_back(*std::move(stage));
  }
  return make_chain(*std::move(first), std::move(rest));
}

Result<CodecSpec> parse_codec(const std::string& text) {
  CodecSpec out;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('+', at), text.size());
    const std::string word = text.substr(at, end - at);
    auto stage = parse_stage(word);
    if (!stage) return error(stage);
    at = end + 1;
    if (out.stages.empty() && stage->row->make == nullptr) out.stages.push_back(*parse_stage(kRawRow.name));
    if (!out.stages.empty() && stage->row->make != nullptr) {
      return error(Code::bad_input, fmt::format("codec {}: {} reads a payload, so it stands first", quote(text), word),
                   fmt::format("one codec of numbers, then compressors: {}+{}", word,
                               out.stages.back().row->make == nullptr ? out.stages.back().row->name : "zstd"));
    }
    out.stages.push_back(*std::move(stage));
    if (out.stages.size() > CodecSpec::kMostStages) {
      return error(Code::bad_input, fmt::format("codec {}: more than {} stages", quote(text), CodecSpec::kMostStages),
                   "one compressor behind a codec of numbers is what pays");
    }
    if (out.stages.size() > 1 || word != kRawRow.name) out.text += (out.text.empty() ? "" : "+") + word;
  }
  if (out.text.empty()) out.text = kRawRow.name;
  return out;
}

}  // namespace kv
