// libkvkit_sentencepiece.so: see sentencepiece_abi.h.
#include <sentencepiece_processor.h>

#include <memory>
#include <vector>

#include "import/sentencepiece_abi.h"

namespace {

struct Model {
  sentencepiece::SentencePieceProcessor processor;
  std::vector<int> ids;
};

void* open(const char* bytes, std::size_t size) {
  auto model = std::make_unique<Model>();
  if (!model->processor.LoadFromSerializedProto({bytes, size}).ok() || model->processor.GetPieceSize() == 0) {
    return nullptr;
  }
  return model.release();
}

int encode(void* opened, const char* text, std::size_t size, void (*take)(void*, const int*, std::size_t), void* into) {
  auto& model = *static_cast<Model*>(opened);
  if (!model.processor.Encode({text, size}, &model.ids).ok()) return 1;
  take(into, model.ids.data(), model.ids.size());
  return 0;
}

void close(void* opened) { delete static_cast<Model*>(opened); }

constexpr KvSentencePiece kModule{kSentencePieceAbi, open, encode, close};

}  // namespace

extern "C" __attribute__((visibility("default"))) const KvSentencePiece* kvkit_sentencepiece(unsigned abi_version) {
  return abi_version == kSentencePieceAbi ? &kModule : nullptr;
}
