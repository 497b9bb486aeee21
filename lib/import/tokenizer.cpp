#include "import/tokenizer.hpp"

#include <fmt/format.h>
#include <sentencepiece_processor.h>

#include "base/parse.hpp"
#include "workload/byte_source.hpp"

namespace kv {
namespace {

constexpr std::size_t kMaxModel = std::size_t{64} << 20;

Result<std::string> read_model(const std::string& path) {
  auto source = open_source(path);
  if (!source)
    return error(Code::bad_input, fmt::format("--tokenizer: {}", source.error().message), source.error().hint);
  std::string bytes;
  std::vector<char> piece(std::size_t{256} << 10);
  for (;;) {
    const auto got = (*source)->read(piece);
    if (!got) return error(got);
    if (*got == 0) return bytes;
    bytes.append(piece.data(), *got);
    if (bytes.size() > kMaxModel) {
      return error(Code::bad_input, fmt::format("--tokenizer: {} is larger than 64 MiB", path),
                   "a SentencePiece model, often called tokenizer.model, is a few MiB");
    }
  }
}

}  // namespace

struct Tokenizer::State {
  sentencepiece::SentencePieceProcessor processor;
  std::vector<int> ids;
};

Tokenizer::Tokenizer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Result<Tokenizer> Tokenizer::load(const std::string& path) {
  const auto bytes = read_model(path);
  if (!bytes) return error(bytes);
  auto state = std::make_unique<State>();
  const auto loaded = state->processor.LoadFromSerializedProto(*bytes);
  if (!loaded.ok() || state->processor.GetPieceSize() == 0) {
    return error(Code::bad_input, fmt::format("--tokenizer: {} is no SentencePiece model", path),
                 "a tokenizer.json of Hugging Face is none; without --tokenizer a token is 4 bytes");
  }
  return Tokenizer(std::move(state));
}

Result<void> Tokenizer::encode(std::string_view text, std::vector<int>& out) const {
  const auto encoded = state_->processor.Encode({text.data(), text.size()}, &state_->ids);
  if (!encoded.ok()) return error(Code::bad_input, fmt::format("the tokenizer refuses a text: {}", encoded.ToString()));
  out.insert(out.end(), state_->ids.begin(), state_->ids.end());
  return {};
}

}  // namespace kv
