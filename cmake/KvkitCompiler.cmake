# How our own code is compiled, as INTERFACE targets; nothing here leaks to users of the installed package.
include_guard()
include(CheckCXXCompilerFlag)
include(CheckPIESupported)
check_pie_supported()

add_library(kvkit_warnings INTERFACE)
target_compile_options(kvkit_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual
  -Wimplicit-fallthrough -Wnull-dereference -Wno-sign-conversion
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)  # false in g++ 12: std::string = literal (GCC bug 105651)
option(KVKIT_WERROR "Warnings are errors" OFF)
if(KVKIT_WERROR)
  target_compile_options(kvkit_warnings INTERFACE -Werror)
endif()

set(KVKIT_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize=: 'address,undefined' or 'thread'")
option(KVKIT_COVERAGE "Instrument for gcov" OFF)
add_library(kvkit_sanitizers INTERFACE)
if(KVKIT_SANITIZE)
  target_compile_options(kvkit_sanitizers INTERFACE
    -fsanitize=${KVKIT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer
    # Checks between the lines make the optimiser see null and unset values where there are none.
    $<$<CXX_COMPILER_ID:GNU>:-Wno-null-dereference -Wno-maybe-uninitialized -Wno-stringop-overflow>)
  target_link_options(kvkit_sanitizers INTERFACE -fsanitize=${KVKIT_SANITIZE})
endif()
if(KVKIT_FUZZ)  # what libFuzzer steers by
  target_compile_options(kvkit_sanitizers INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(KVKIT_COVERAGE)
  target_compile_options(kvkit_sanitizers INTERFACE --coverage)
  target_link_options(kvkit_sanitizers INTERFACE --coverage)
endif()

add_library(kvkit_hardening INTERFACE)
foreach(flag -fstack-protector-strong -fstack-clash-protection -fcf-protection)
  string(MAKE_C_IDENTIFIER "KVKIT_HAS${flag}" has_flag)
  check_cxx_compiler_flag(${flag} ${has_flag})
  if(${has_flag})
    target_compile_options(kvkit_hardening INTERFACE ${flag})
  endif()
endforeach()
target_compile_definitions(kvkit_hardening INTERFACE _GLIBCXX_ASSERTIONS)
if(NOT KVKIT_SANITIZE)  # sanitizers intercept the same calls; without optimisation glibc warns that it has no effect
  target_compile_options(kvkit_hardening INTERFACE $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2>)
endif()
target_link_options(kvkit_hardening INTERFACE -Wl,-z,relro,-z,now)

add_library(kvkit_build INTERFACE)
target_link_libraries(kvkit_build INTERFACE kvkit_warnings kvkit_sanitizers kvkit_hardening)

# What surrounds the code that is timed: a fifth of a full build is saved here.
add_library(kvkit_quick_build INTERFACE)
target_compile_options(kvkit_quick_build INTERFACE $<$<CONFIG:Release>:-O1>)

# Tests convert more freely than what they test, and g++ misreads what doctest and RapidCheck inline.
add_library(kvkit_test_build INTERFACE)
target_link_libraries(kvkit_test_build INTERFACE kvkit_build kvkit_relaxed kvkit_quick_build)
add_library(kvkit_relaxed INTERFACE)
target_compile_options(kvkit_relaxed INTERFACE -Wno-conversion -Wno-null-dereference
  $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overread -Wno-stringop-overflow -Wno-array-bounds -Wno-maybe-uninitialized>)

find_program(KVKIT_CCACHE ccache)
if(KVKIT_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Relative paths and no directory in the hash: every clone of the project shares what it has compiled.
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${KVKIT_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
endif()
