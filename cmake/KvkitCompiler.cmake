# How our own code is compiled, as INTERFACE targets; nothing here leaks to users of the installed package.
include_guard()

add_library(kvkit_warnings INTERFACE)
target_compile_options(kvkit_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual
  -Wimplicit-fallthrough -Wnull-dereference -Wno-sign-conversion)
option(KVKIT_WERROR "Warnings are errors" OFF)
if(KVKIT_WERROR)
  target_compile_options(kvkit_warnings INTERFACE -Werror)
endif()

set(KVKIT_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize=: 'address,undefined' or 'thread'")
add_library(kvkit_sanitizers INTERFACE)
if(KVKIT_SANITIZE)
  target_compile_options(kvkit_sanitizers INTERFACE
    -fsanitize=${KVKIT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(kvkit_sanitizers INTERFACE -fsanitize=${KVKIT_SANITIZE})
endif()

option(KVKIT_COVERAGE "Instrument for gcov" OFF)
if(KVKIT_COVERAGE)
  target_compile_options(kvkit_sanitizers INTERFACE --coverage)
  target_link_options(kvkit_sanitizers INTERFACE --coverage)
endif()

add_library(kvkit_hardening INTERFACE)
target_compile_options(kvkit_hardening INTERFACE -fstack-protector-strong)
target_compile_definitions(kvkit_hardening INTERFACE
  $<$<AND:$<NOT:$<CONFIG:Debug>>,$<NOT:$<BOOL:${KVKIT_SANITIZE}>>>:_FORTIFY_SOURCE=2> _GLIBCXX_ASSERTIONS)
target_link_options(kvkit_hardening INTERFACE -Wl,-z,relro,-z,now)

add_library(kvkit_build INTERFACE)
target_link_libraries(kvkit_build INTERFACE kvkit_warnings kvkit_sanitizers kvkit_hardening)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
