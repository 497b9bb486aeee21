# kvkit_find_libtorch(): looks for LibTorch and, where it is, defines the target kvkit::libtorch: its headers, its
# libraries, and the C++ ABI that it was built with. KVKIT_TORCH_MISSING says what is not there; empty: nothing.
#
# Found as files rather than by find_package(Torch): Debian's needs further -dev packages, and that of a CUDA build
# refuses to configure without the CUDA toolkit, which a program that only calls ATen has no use for.
include_guard()

macro(kvkit_find_libtorch)
  set(kvkit_torch_hints ${TORCH_INSTALL_PREFIX} $ENV{TORCH_INSTALL_PREFIX})
  if(Torch_DIR)
    list(APPEND kvkit_torch_hints ${Torch_DIR}/../../..)
  endif()
  foreach(prefix ${CMAKE_PREFIX_PATH})  # PyTorch's own (torch.utils.cmake_prefix_path) names share/cmake within it
    list(APPEND kvkit_torch_hints ${prefix} ${prefix}/../..)
  endforeach()
  set(KVKIT_TORCH_MISSING "")
  set(KVKIT_TORCH_LIBRARIES "")
  find_path(KVKIT_TORCH_INCLUDE ATen/ATen.h HINTS ${kvkit_torch_hints} PATH_SUFFIXES include)
  if(NOT KVKIT_TORCH_INCLUDE)
    list(APPEND KVKIT_TORCH_MISSING ATen/ATen.h)
  endif()
  foreach(name torch torch_cpu c10)
    find_library(KVKIT_TORCH_LIB_${name} ${name} HINTS ${kvkit_torch_hints} PATH_SUFFIXES lib)
    list(APPEND KVKIT_TORCH_LIBRARIES ${KVKIT_TORCH_LIB_${name}})
    if(NOT KVKIT_TORCH_LIB_${name})
      list(APPEND KVKIT_TORCH_MISSING lib${name})
    endif()
  endforeach()
  if(NOT KVKIT_TORCH_MISSING AND NOT TARGET kvkit::libtorch)
    # Builds from before 2.6 may use the old C++ ABI; the library's own symbols tell.
    file(STRINGS ${KVKIT_TORCH_LIB_c10} kvkit_torch_new_abi REGEX "torchCheckFail.*cxx11" LIMIT_COUNT 1)
    set(KVKIT_TORCH_ABI 0)
    if(kvkit_torch_new_abi)
      set(KVKIT_TORCH_ABI 1)
    endif()
    add_library(kvkit::libtorch INTERFACE IMPORTED)
    target_include_directories(kvkit::libtorch SYSTEM INTERFACE ${KVKIT_TORCH_INCLUDE})
    target_compile_definitions(kvkit::libtorch INTERFACE _GLIBCXX_USE_CXX11_ABI=${KVKIT_TORCH_ABI})
    # All of them, used by name or not: what a CUDA build registers is in none that a program calls.
    target_link_libraries(kvkit::libtorch INTERFACE
      -Wl,--no-as-needed ${KVKIT_TORCH_LIBRARIES} -Wl,--as-needed)
  endif()
endmacro()
