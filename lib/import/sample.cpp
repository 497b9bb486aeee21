#include "import/sample.hpp"

#include <algorithm>

#include "import/csv.hpp"
#include "import/json_items.hpp"
#include "import/json_value.hpp"

namespace kv {
namespace {

constexpr std::size_t kItems = 20;

class Replay final : public ByteSource {
 public:
  Replay(std::string head, std::unique_ptr<ByteSource> rest) : head_(std::move(head)), rest_(std::move(rest)) {}

  Result<std::size_t> read(std::span<char> out) override {
    if (given_ == head_.size()) return rest_->read(out);
    const std::size_t size = std::min(out.size(), head_.size() - given_);
    std::copy_n(head_.data() + given_, size, out.data());
    given_ += size;
    return size;
  }
  std::optional<std::uint64_t> size() const override { return rest_->size(); }

 private:
  std::string head_;
  std::unique_ptr<ByteSource> rest_;
  std::size_t given_ = 0;
};

/// Keys of an object, and one level below those that hold a request.
void add_keys(const json::object& object, const std::string& before, std::set<std::string>& keys) {
  for (const auto& field : object) {
    const std::string key = before + std::string(field.key);
    keys.insert(key);
    json::object inner;
    const bool nested = before.empty() && (key == "body" || key == "request");
    if (nested && !field.value.get(inner)) add_keys(inner, key + ".", keys);
  }
}

}  // namespace

bool Sample::has_column(const std::string& name) const {
  return std::find(columns.begin(), columns.end(), name) != columns.end();
}

Sample sample_of(std::string_view head) {
  Sample sample;
  auto source = memory_source(head, "sample");
  if (!source) return sample;
  JsonItems items(std::move(*source), "sample");
  JsonParser parser;
  JsonItem item;
  for (std::size_t i = 0; i < kItems; ++i) {
    const auto more = items.next(item);
    if (!more || !*more) break;
    const auto value = parser.parse(item);
    if (!value) break;
    json::object object;
    json::array array;
    if (!value->get(object)) {
      sample.kind = items.in_array() ? Sample::Kind::json_array : Sample::Kind::json_lines;
      add_keys(object, "", sample.keys);
    } else if (!value->get(array) && array.size() > 0 && array.at(0).is_number()) {
      sample.kind = Sample::Kind::json_tuples;
    }
  }
  if (sample.kind == Sample::Kind::unknown && !items.looks_like_json()) {
    sample.columns = csv_columns(head);
    if (sample.columns.size() > 1) sample.kind = Sample::Kind::csv;
  }
  return sample;
}

Result<Peeked> peek(std::unique_ptr<ByteSource> source) {
  Peeked out;
  out.head.resize(Sample::kBytes);
  std::size_t filled = 0;
  while (filled < out.head.size()) {
    const auto got = source->read({out.head.data() + filled, out.head.size() - filled});
    if (!got) return error(got);
    if (*got == 0) break;
    filled += *got;
  }
  out.head.resize(filled);
  out.source = std::make_unique<Replay>(out.head, std::move(source));
  return out;
}

}  // namespace kv
