#include "torch/loader.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <csignal>
#include <cstdlib>

#include "base/module_places.hpp"

namespace kv {
namespace {

constexpr const char* kFile = "libkvkit_torch.so";
constexpr const char* kHint =
    "install LibTorch (apt-get install libtorch-dev) and build kvkit again, or set KVKIT_TORCH_MODULE to a built "
    "libkvkit_torch.so";

Result<const KvTorchModule*> load_first() {
  std::string tried;
  for (const std::string& place : module_places(kFile, "KVKIT_TORCH_MODULE")) {
    auto loaded = load_torch_module(place);
    if (loaded) return loaded;
    tried += (tried.empty() ? "" : "; ") + loaded.error().message;
  }
  return error(Code::unavailable, "the LibTorch module could not be loaded: " + tried, kHint);
}

/// OpenBLAS starts its threads when it is loaded: they leave every signal to the program's own.
void* open_without_signals(const std::string& path) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return library;
}

}  // namespace

void let_torch_threads_sleep() { setenv("OMP_WAIT_POLICY", "passive", 0); }

Result<const KvTorchModule*> load_torch_module(const std::string& path) {
  void* library = open_without_signals(path);
  if (library == nullptr) {
    // dlerror names the file, and for a library that the module needs, that one's.
    const char* why = dlerror();
    return error(Code::unavailable, why != nullptr ? why : path, kHint);
  }
  const auto entry = reinterpret_cast<KvTorchEntry>(dlsym(library, KVKIT_TORCH_ENTRY));
  const KvTorchModule* module = entry != nullptr ? entry(KVKIT_TORCH_ABI_VERSION) : nullptr;
  if (module != nullptr && module->abi_version == KVKIT_TORCH_ABI_VERSION &&
      module->struct_bytes == sizeof(KvTorchModule)) {
    return module;
  }
  // Not closed again: what LibTorch has registered on loading does not survive that.
  return error(Code::unavailable,
               fmt::format("{}: {}", path,
                           entry == nullptr ? "not a kvkit module"
                                            : fmt::format("does not speak version {} of kvkit's LibTorch border",
                                                          KVKIT_TORCH_ABI_VERSION)),
               "build the module and the program from the same source");
}

Result<const KvTorchModule*> torch_module() {
  static const Result<const KvTorchModule*> loaded = load_first();  // immutable once made
  return loaded;
}

}  // namespace kv
