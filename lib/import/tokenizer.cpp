#include "import/tokenizer.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include "base/module_places.hpp"
#include "import/sentencepiece_abi.h"
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

/// Stays loaded until the process ends.
Result<const KvSentencePiece*> load_module() {
  std::string tried;
  for (const std::string& place : module_places("libkvkit_sentencepiece.so", "KVKIT_SENTENCEPIECE_MODULE")) {
    void* library = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
    const char* why = library == nullptr ? dlerror() : nullptr;
    const auto entry = library == nullptr
                           ? nullptr
                           : reinterpret_cast<KvSentencePieceEntry>(dlsym(library, KVKIT_SENTENCEPIECE_ENTRY));
    if (const KvSentencePiece* module = entry == nullptr ? nullptr : entry(kSentencePieceAbi)) return module;
    tried += (tried.empty() ? "" : "; ") + std::string(why != nullptr ? why : place + ": not a module of this kvkit");
  }
  return error(
      Code::unavailable, "--tokenizer: the SentencePiece module could not be loaded: " + tried,
      "install libsentencepiece and kvkit whole, or set KVKIT_SENTENCEPIECE_MODULE to libkvkit_sentencepiece.so");
}

}  // namespace

struct Tokenizer::State {
  State(const KvSentencePiece* of, void* opened) : module(of), model(opened) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { module->close(model); }

  const KvSentencePiece* module;
  void* model;
};

Tokenizer::Tokenizer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Result<Tokenizer> Tokenizer::load(const std::string& path) {
  const auto bytes = read_model(path);
  if (!bytes) return error(bytes);
  const auto module = load_module();
  if (!module) return error(module);
  void* model = (*module)->open(bytes->data(), bytes->size());
  if (model == nullptr) {
    return error(Code::bad_input, fmt::format("--tokenizer: {} is no SentencePiece model", path),
                 "a tokenizer.json of Hugging Face is none; without --tokenizer a token is 4 bytes");
  }
  return Tokenizer(std::make_unique<State>(*module, model));
}

Result<void> Tokenizer::encode(std::string_view text, std::vector<int>& out) const {
  const auto take = [](void* into, const int* ids, std::size_t count) {
    auto& all = *static_cast<std::vector<int>*>(into);
    all.insert(all.end(), ids, ids + count);
  };
  if (state_->module->encode(state_->model, text.data(), text.size(), take, &out) == 0) return {};
  return error(Code::bad_input, "the tokenizer refuses a text", "is it UTF-8?");
}

}  // namespace kv
