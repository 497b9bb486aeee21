# Every library that lib/ and tools/ link. Used here and, installed, by kvkitConfig.cmake.
include_guard()
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(simdjson REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(hiredis REQUIRED IMPORTED_TARGET hiredis)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)

set(KVKIT_PUBLIC_LIBRARIES fmt::fmt nlohmann_json::nlohmann_json Threads::Threads)
set(KVKIT_PRIVATE_LIBRARIES simdjson::simdjson ZLIB::ZLIB PkgConfig::hiredis PkgConfig::zstd PkgConfig::xxhash
  ${CMAKE_DL_LIBS})
