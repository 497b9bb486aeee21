#include <fmt/format.h>

#include "base/parse.hpp"
#include "curve_options.hpp"
#include "model/model.hpp"
#include "stored_share.hpp"

namespace kvtool {
namespace {

using kv::error;
using kv::Result;

Result<double> payload_bytes(const CurveOptions& o, kv::Tokens block_size, const kv::KvOptions& options,
                             kv::Json& resolved) {
  if (o.kv.model.empty()) return static_cast<double>(*o.bytes_per_token * block_size.count());
  const auto model = kv::find_model(o.kv.model);
  if (!model) return in_option("--model", model.error());
  const auto geometry = kv::KvGeometry::make(*model, options, block_size);
  if (!geometry) return error(geometry);
  resolved["model"] = model->name;
  resolved["tp"] = options.tp;
  resolved["pp"] = options.pp;
  return static_cast<double>(geometry->max_block().count());
}

}  // namespace

Result<BlockBytes> block_bytes(const CurveOptions& o, kv::Tokens block_size) {
  BlockBytes out;
  if (o.kv.model.empty() && !o.bytes_per_token) {
    if (!o.usd_per_gb_hour) return out;
    return error(kv::Code::bad_input, "--usd-per-gb-hour: how many bytes is a block?",
                 "name the --model, or --bytes-per-token");
  }
  auto options = kv_options(o.kv);
  if (!options) return error(options);
  options->bytes_per_token = o.bytes_per_token;
  const auto payload = payload_bytes(o, block_size, *options, out.resolved);
  if (!payload) return error(payload);
  const auto codec = codec_figures(o.codec, options->dtype, false);
  if (!codec) return error(codec);
  out.bytes = *payload * codec->stored_share;
  out.resolved["payload_bytes_per_block"] = *payload;
  out.resolved["stored_share"] = codec->stored_share;
  out.resolved["bytes_per_block"] = *out.bytes;
  out.resolved["summary"] =
      fmt::format("{}, codec {}: {} a block of {} tokens",
                  o.kv.model.empty() ? fmt::format("{} bytes a token", *o.bytes_per_token)
                                     : fmt::format("{}, KV {}, tp {}", o.kv.model, o.kv.kv_dtype, options->tp),
                  o.codec, kv::format_bytes(kv::Bytes(static_cast<std::uint64_t>(*out.bytes))), block_size.count());
  return out;
}

}  // namespace kvtool
