#pragma once
#include <cstddef>

/// The border to libkvkit_sentencepiece.so: libsentencepiece brings a protobuf of its own, which in the scope of a
/// program takes the place of the one that LibTorch was built with. Behind a module nobody else sees it.
extern "C" {

struct KvSentencePiece {
  unsigned abi_version;
  /// A model, or null if the bytes are none.
  void* (*open)(const char* bytes, std::size_t size);
  /// Hands out the ids of the text's tokens; returns not 0 if the model refuses it.
  int (*encode)(void* model, const char* text, std::size_t size,
                void (*take)(void* into, const int* ids, std::size_t count), void* into);
  void (*close)(void* model);
};
/// Null: another version of the border.
using KvSentencePieceEntry = const KvSentencePiece* (*)(unsigned abi_version);

}  // extern "C"

#define KVKIT_SENTENCEPIECE_ENTRY "kvkit_sentencepiece"
constexpr unsigned kSentencePieceAbi = 1;
