# Every library that lib/ and tools/ link. Used here and, installed, by kvkitConfig.cmake.
include_guard()
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(simdjson REQUIRED)
find_package(ZLIB REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS SSL)
find_package(PkgConfig REQUIRED)
pkg_check_modules(hiredis REQUIRED IMPORTED_TARGET hiredis)
pkg_check_modules(lz4 REQUIRED IMPORTED_TARGET liblz4)
pkg_check_modules(blosc REQUIRED IMPORTED_TARGET blosc)
pkg_check_modules(hwy REQUIRED IMPORTED_TARGET libhwy)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
find_path(KVKIT_TOMLPLUSPLUS toml++/toml.h REQUIRED)  # its headers alone, in lib/base/toml_value.cpp

set(KVKIT_PUBLIC_LIBRARIES fmt::fmt nlohmann_json::nlohmann_json Threads::Threads)
set(KVKIT_PRIVATE_LIBRARIES simdjson::simdjson ZLIB::ZLIB OpenSSL::SSL PkgConfig::hiredis PkgConfig::zstd PkgConfig::lz4 PkgConfig::blosc PkgConfig::hwy PkgConfig::xxhash
  ${CMAKE_DL_LIBS})
