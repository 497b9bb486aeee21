#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "model/safetensors.hpp"

namespace kv {

/// Takes the events of nlohmann's parser of a safetensors header, so that a header of 100 MB makes no tree of JSON
/// values, of which each would weigh ten times its text, and a name that is there twice is seen. A function that
/// returns false ends the parse; trouble() says why. Names and signatures are those of nlohmann::json_sax.
class SafetensorsHeader {
 public:
  /// Where the tensors' bytes begin and end in the file.
  SafetensorsHeader(std::uint64_t data_begin, std::uint64_t data_end) : data_begin_(data_begin), data_end_(data_end) {}

  const std::string& trouble() const { return trouble_; }
  std::vector<SafeTensor> take() { return std::move(tensors_); }

  bool null() { return misfit(); }
  bool boolean(bool) { return misfit(); }
  bool number_integer(std::int64_t) { return misfit(); }  // the negative ones
  bool number_unsigned(std::uint64_t value);
  bool number_float(double, const std::string&) { return misfit(); }
  bool string(std::string& text);
  bool binary(nlohmann::json::binary_t&) { return misfit(); }
  bool start_object(std::size_t);
  bool key(std::string& name);
  bool end_object();
  bool start_array(std::size_t);
  bool end_array();
  bool parse_error(std::size_t position, const std::string& token, const nlohmann::json::exception& why);

 private:
  enum class Place { outside, root, metadata, tensor, shape, offsets };

  bool fail(const std::string& why);
  bool misfit();
  bool finish_tensor();

  std::uint64_t data_begin_, data_end_;
  Place place_ = Place::outside;
  SafeTensor tensor_;                   // being read
  std::string field_;                   // of it
  unsigned seen_ = 0;                   // fields of it, one bit each
  std::vector<std::uint64_t> offsets_;  // of it, from the beginning of the data
  std::vector<SafeTensor> tensors_;
  std::string trouble_;
};

}  // namespace kv
