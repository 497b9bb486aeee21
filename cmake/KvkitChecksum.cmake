# libxxhash uses the CPU's vector instructions only through a second set of functions, which it has on x86.
include_guard()
include(CheckCXXSourceCompiles)
set(CMAKE_REQUIRED_LIBRARIES PkgConfig::xxhash)
check_cxx_source_compiles("
  #include <xxhash.h>
  #include <xxh_x86dispatch.h>
  int main() { return static_cast<int>(XXH3_64bits(nullptr, 0)); }" KVKIT_XXHASH_DISPATCH)
unset(CMAKE_REQUIRED_LIBRARIES)
if(KVKIT_XXHASH_DISPATCH)
  set_source_files_properties(lib/codec/checksum.cpp PROPERTIES COMPILE_DEFINITIONS KVKIT_XXHASH_DISPATCH)
endif()
