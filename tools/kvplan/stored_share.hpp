#pragma once
#include <optional>
#include <string>

#include "base/result.hpp"
#include "model/dtype.hpp"

namespace kvtool {

/// What a codec makes of a payload like KV, of 1 MiB, on this machine.
struct CodecFigures {
  double stored_share = 1;                   ///< stored bytes a payload byte
  std::optional<double> decode_bytes_per_s;  ///< of payload, by one thread; nullopt: nothing is decoded, or not asked
};
/// Fails (bad_input) for an unknown codec, naming --codec. `timed`: decoding is measured, for some 50 ms.
kv::Result<CodecFigures> codec_figures(const std::string& codec, kv::Dtype dtype, bool timed);

}  // namespace kvtool
