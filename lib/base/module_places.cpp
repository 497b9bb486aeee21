#include "base/module_places.hpp"

#include <cstdlib>
#include <filesystem>

namespace kv {

std::vector<std::string> module_places(const std::string& file, const char* variable) {
  if (const char* given = std::getenv(variable); given != nullptr && *given != '\0') return {given};
  namespace fs = std::filesystem;
  std::vector<std::string> places;
  std::error_code failed;
  if (const fs::path program = fs::read_symlink("/proc/self/exe", failed); !failed) {
    const fs::path prefix = program.parent_path().parent_path();
    places.push_back(prefix / "lib" / "kvkit" / file);
    // Where LIBDIR carries the architecture (lib/x86_64-linux-gnu).
    if (fs::path(KVKIT_LIBDIR).is_relative()) places.push_back(prefix / KVKIT_LIBDIR / "kvkit" / file);
  }
  places.push_back(fs::path(KVKIT_FULL_LIBDIR) / "kvkit" / file);
  if (places.size() == 3 && places[0] == places[1]) places.erase(places.begin());
  return places;
}

}  // namespace kv
