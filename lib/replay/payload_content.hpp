#pragma once
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "model/payload_shape.hpp"

namespace kv {

/// What payloads are made of.
enum class PayloadKind {
  kv,     ///< like KV: see PayloadSource
  zeros,  ///< nothing but zeros
  noise,  ///< random bits, all elements finite
  file,   ///< bytes of a file of the user's
};

/// Which plane of a payload: K and V of two, or the only one of an MLA latent or a state.
enum class PayloadPlane { keys, values, only };
PayloadPlane payload_plane(const PayloadShape& shape, std::uint32_t plane);

/// Elements of a file, for one plane and element type; shared, for they may be large.
struct PayloadStream {
  Dtype dtype;
  PayloadPlane plane;
  std::shared_ptr<const std::vector<std::byte>> bytes;
};

/// Immutable once made; cheap to copy.
struct PayloadContent {
  PayloadKind kind = PayloadKind::kv;
  std::string name = "kv";             ///< as reports have it: "kv", "zeros", "noise" or "file NAME"
  std::vector<PayloadStream> streams;  ///< of a file: one for each element type and plane of the shapes
  std::vector<std::string> notes;      ///< what the user must know of a file: what of it is not used

  Bytes held() const;
  /// What to say where a codec makes something else of payloads; empty where their ratio says something about KV.
  std::string ratio_warning() const;
};

/// "kv", "zeros", "noise" or the path of a file (./kv for one of that name), read for `shapes`. Fails (bad_input) where
/// it cannot be read, where a tensor's type is none that KV can have, and where it has no row of channels.
///
/// A file whose content begins like safetensors, or that is called *.safetensors, is read as that; any other holds
/// elements of `kv_dtype`, one after the other. Elements are converted to the type of each shape, one by one, without
/// scales. Of a safetensors file tensors are read in the order of their bytes. Those named like keys (payload_role)
/// make K, those named like values make V, if there are both; else all of them make both. The only plane of other
/// shapes is made of all. Tensors of integers but I8 are left out. At most kMostStreamBytes are held for a plane.
inline constexpr Bytes kMostStreamBytes = 32_MiB;
Result<PayloadContent> parse_payload(const std::string& text, Dtype kv_dtype, std::span<const PayloadShape> shapes);

/// What a tensor's name says: the last piece between '.' and '/' that has a word (letters and digits) of k, key, keys
/// but none of v, value, values is a key's, and the other way round: "layers.0.k_proj", "past_key_values.3.value".
enum class PayloadRole { unknown, keys, values };
PayloadRole payload_role(std::string_view tensor);

}  // namespace kv
