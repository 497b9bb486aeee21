// module*.cpp alone include LibTorch. C++17, and nothing of kvkit but the border and headers without a type that could
// cross it: they are built with LibTorch's own C++ ABI. Holds for LibTorch 1.13 to 2.6, CPU and CUDA.
#include <ATen/ATen.h>
#include <dlfcn.h>
#include <sys/mman.h>
#include <torch/csrc/api/include/torch/version.h>
#include <torch/csrc/jit/serialization/pickle.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <exception>
#include <map>
#include <memory>
#include <stdexcept>

#include "torch/abi.h"
#include "torch/module_engine.hpp"
#include "torch/module_frame.hpp"
#include "torch/module_guard.hpp"
#include "torch/module_staging.hpp"

struct KvTorchArena {
  at::Tensor bytes;
  std::uint64_t slot_bytes = 0;
  bool is_cuda = false;
  kv::StagingPool staging;  // on CUDA
};

namespace {

using kv::guarded;
using kv::say;
using kv::scalar_type;
using Shape = KvTorchShape;
using ShapeKey = std::array<std::uint64_t, 5>;

ShapeKey key_of(const Shape& s) { return {s.dtype, s.layers, s.planes, s.tokens, s.channels}; }

}  // namespace

struct KvTorchPickler {
  std::map<ShapeKey, kv::ArchiveFrame> frames;  // about 1 KiB each, at most kMaxFrames
};

namespace {

constexpr std::size_t kMaxFrames = 4096;
// Zip fields have 32 bits; blocks are far smaller.
constexpr std::uint64_t kMaxPayloadBytes = std::uint64_t{2} << 30;
// LibTorch 1.13 adds about 750 bytes, 2.6 about 1180; records are aligned to 64.
constexpr std::uint64_t kMaxFrameBytes = 2048;

/// Total memory and name of the first CUDA device, from the driver: LibTorch's headers for it need the CUDA toolkit.
std::uint64_t ask_driver(char* name, int name_size) {
  using Init = int (*)(unsigned);
  using Name = int (*)(char*, int, int);
  using Memory = int (*)(std::size_t*, int);
  void* driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (driver == nullptr) return 0;
  const auto init = reinterpret_cast<Init>(dlsym(driver, "cuInit"));
  const auto get_name = reinterpret_cast<Name>(dlsym(driver, "cuDeviceGetName"));
  const auto get_memory = reinterpret_cast<Memory>(dlsym(driver, "cuDeviceTotalMem_v2"));
  std::size_t bytes = 0;
  if (init == nullptr || get_name == nullptr || get_memory == nullptr || init(0) != 0) return 0;
  if (get_name(name, name_size, 0) != 0) say(name, static_cast<std::size_t>(name_size), "");
  return get_memory(&bytes, 0) == 0 ? bytes : 0;
}

int device(char* name, std::size_t name_size, int* is_cuda, std::uint64_t* memory_bytes, char* err, std::size_t size) {
  return guarded(err, size, [&] {
    *is_cuda = at::hasCUDA() ? 1 : 0;
    *memory_bytes = 0;
    if (*is_cuda == 0) return say(name, name_size, "cpu");
    std::array<char, 200> model{};
    *memory_bytes = ask_driver(model.data(), static_cast<int>(model.size()));
    if (name_size > 0) {
      std::snprintf(name, name_size, "cuda:0%s%s", model[0] != '\0' ? " " : "", model.data());
    }
  });
}

/// As local: does, so that the stand-in on a CPU touches memory no slower. Advice only.
void prefer_huge_pages(void* data, std::uint64_t bytes) {
  constexpr std::uint64_t kHugePage = std::uint64_t{2} << 20;
  const std::uint64_t skip = (kHugePage - reinterpret_cast<std::uintptr_t>(data) % kHugePage) % kHugePage;
  if (bytes < 16 * kHugePage) return;
  madvise(static_cast<char*>(data) + skip, bytes - skip, MADV_HUGEPAGE);
}

int arena_create(std::uint64_t slots, std::uint64_t slot_bytes, KvTorchArena** out, char* err, std::size_t size) {
  return guarded(err, size, [&] {
    auto arena = std::make_unique<KvTorchArena>();
    arena->slot_bytes = slot_bytes;
    arena->is_cuda = at::hasCUDA();
    const auto options = at::TensorOptions().dtype(at::kByte);
    if (slot_bytes == 0 || slots > static_cast<std::uint64_t>(INT64_MAX) / slot_bytes) {
      throw std::length_error("arena too large");
    }
    arena->bytes = at::empty({static_cast<std::int64_t>(slots * slot_bytes)},
                             arena->is_cuda ? options.device(at::kCUDA, 0) : options);
    if (!arena->is_cuda) prefer_huge_pages(arena->bytes.data_ptr(), slots * slot_bytes);
    *out = arena.release();
  });
}

void arena_destroy(KvTorchArena* arena) {
  guarded(nullptr, 0, [&] { delete arena; });
}

/// Where a copy goes, checked against the arena's end.
std::uint64_t place(const KvTorchArena& arena, std::uint64_t slot, std::uint64_t offset, std::uint64_t bytes) {
  const auto all = static_cast<std::uint64_t>(arena.bytes.numel());
  if (slot >= all / arena.slot_bytes) throw std::out_of_range("no such slot");
  const std::uint64_t at = slot * arena.slot_bytes + offset;
  if (offset > all || at > all || bytes > all - at) throw std::out_of_range("copy runs past the arena's end");
  return at;
}

at::Tensor part_of(const KvTorchArena& arena, std::uint64_t at, std::uint64_t bytes) {
  return arena.bytes.narrow(0, static_cast<std::int64_t>(at), static_cast<std::int64_t>(bytes));
}

int arena_write(KvTorchArena* arena, std::uint64_t slot, std::uint64_t offset, const void* from, std::uint64_t bytes,
                char* err, std::size_t size) {
  return guarded(err, size, [&] {
    const std::uint64_t at = place(*arena, slot, offset, bytes);
    if (bytes == 0) return;
    if (!arena->is_cuda) {
      std::memcpy(static_cast<char*>(arena->bytes.data_ptr()) + at, from, bytes);
    } else {
      arena->staging.run(arena->bytes.device(), [&](kv::Staging& staging) {
        staging.upload(part_of(*arena, at, bytes), static_cast<const char*>(from));
      });
    }
  });
}

int arena_read(KvTorchArena* arena, std::uint64_t slot, std::uint64_t offset, void* to, std::uint64_t bytes, char* err,
               std::size_t size) {
  return guarded(err, size, [&] {
    const std::uint64_t at = place(*arena, slot, offset, bytes);
    if (bytes == 0) return;
    if (!arena->is_cuda) {
      std::memcpy(to, static_cast<const char*>(arena->bytes.data_ptr()) + at, bytes);
    } else {
      arena->staging.run(arena->bytes.device(), [&](kv::Staging& staging) {
        staging.download(part_of(*arena, at, bytes), static_cast<char*>(to));
      });
    }
  });
}

std::uint64_t payload_bytes(const Shape& s) {
  const std::uint64_t element = at::elementSize(scalar_type(s.dtype));
  __extension__ using Wide = unsigned __int128;
  Wide bytes = element;
  for (const std::uint64_t n : {std::uint64_t{s.layers}, std::uint64_t{s.planes}, s.tokens, s.channels}) {
    bytes *= n;
    if (bytes > kMaxPayloadBytes) throw std::length_error("payload beyond 2 GiB cannot be pickled");
  }
  return static_cast<std::uint64_t>(bytes);
}

std::vector<std::int64_t> sizes_of(const Shape& s) {
  return {s.layers, s.planes, static_cast<std::int64_t>(s.tokens), static_cast<std::int64_t>(s.channels)};
}

std::vector<char> save(const Shape& shape, const at::Tensor& tensor, KvTorchPickler& pickler) {
  auto archive = torch::jit::pickle_save(tensor);
  if (pickler.frames.count(key_of(shape)) == 0) {
    if (pickler.frames.size() >= kMaxFrames) pickler.frames.clear();
    if (auto frame = kv::ArchiveFrame::of({archive.data(), archive.size()})) {
      pickler.frames.emplace(key_of(shape), std::move(*frame));
    }
  }
  return archive;
}

int pickler_create(KvTorchPickler** out, char* err, std::size_t size) {
  return guarded(err, size, [&] { *out = std::make_unique<KvTorchPickler>().release(); });
}

void pickler_destroy(KvTorchPickler* pickler) { delete pickler; }

std::uint64_t pickle_bound(const Shape* shape) {
  std::uint64_t bytes = 0;
  guarded(nullptr, 0, [&] { bytes = payload_bytes(*shape); });
  return bytes + kMaxFrameBytes;
}

int pickle_encode(KvTorchPickler* pickler, const Shape* shape, const void* payload, void* body, std::uint64_t body_size,
                  std::uint64_t* written, char* err, std::size_t size) {
  return guarded(err, size, [&] {
    payload_bytes(*shape);
    const auto options = at::TensorOptions().dtype(scalar_type(shape->dtype));
    const auto archive = save(*shape, at::from_blob(const_cast<void*>(payload), sizes_of(*shape), options), *pickler);
    if (archive.size() > body_size) throw std::length_error("archive larger than its bound");
    std::memcpy(body, archive.data(), archive.size());
    *written = archive.size();
  });
}

void check_frame(KvTorchPickler& pickler, const Shape& shape, std::string_view archive) {
  auto known = pickler.frames.find(key_of(shape));
  if (known == pickler.frames.end()) {
    save(shape, at::zeros(sizes_of(shape), at::TensorOptions().dtype(scalar_type(shape.dtype))), pickler);
    known = pickler.frames.find(key_of(shape));
    if (known == pickler.frames.end()) throw std::runtime_error("this LibTorch writes archives of an unknown form");
  }
  if (!known->second.fits(archive)) throw std::runtime_error("not an archive of a tensor of this shape");
}

int pickle_decode(KvTorchPickler* pickler, const Shape* shape, const void* body, std::uint64_t body_bytes,
                  void* payload, char* err, std::size_t size) {
  return guarded(err, size, [&] {
    const std::uint64_t bytes = payload_bytes(*shape);
    if (body_bytes < bytes || body_bytes > bytes + kMaxFrameBytes) throw std::runtime_error("archive of a wrong size");
    const auto* first = static_cast<const char*>(body);
    check_frame(*pickler, *shape, {first, body_bytes});
    const auto loaded = torch::jit::pickle_load(std::vector<char>(first, first + body_bytes));
    if (!loaded.isTensor()) throw std::runtime_error("archive holds no tensor");
    const at::Tensor tensor = loaded.toTensor().contiguous();
    if (tensor.scalar_type() != scalar_type(shape->dtype) || tensor.sizes() != at::IntArrayRef(sizes_of(*shape)) ||
        !tensor.device().is_cpu()) {
      throw std::runtime_error("archive holds a tensor of another shape");
    }
    if (bytes > 0) std::memcpy(payload, tensor.data_ptr(), bytes);
  });
}

constexpr KvTorchModule kModule = {
    KVKIT_TORCH_ABI_VERSION,
    sizeof(KvTorchModule),
    TORCH_VERSION,
    device,
    arena_create,
    arena_destroy,
    arena_write,
    arena_read,
    pickler_create,
    pickler_destroy,
    pickle_bound,
    pickle_encode,
    pickle_decode,
    kv::engine_create,
    kv::engine_destroy,
    kv::engine_set_weight,
    kv::engine_check_weights,
    kv::engine_prefill,
    kv::engine_write_kv,
    kv::engine_read_kv,
};

}  // namespace

extern "C" __attribute__((visibility("default"))) const KvTorchModule* kvkit_torch_module(std::uint32_t abi_version) {
  return abi_version == KVKIT_TORCH_ABI_VERSION ? &kModule : nullptr;
}
