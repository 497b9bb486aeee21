# Texts of the repository that are compiled in: a header of KVKIT_GENERATED with the file as a string literal.
include_guard()
function(kvkit_embed file header name)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${file})
  file(READ ${PROJECT_SOURCE_DIR}/${file} text)
  file(CONFIGURE OUTPUT ${KVKIT_GENERATED}/${header} @ONLY CONTENT
    "#pragma once\n#include <string_view>\n\nnamespace kv {\ninline constexpr std::string_view @name@ = R\"kvkit(@text@)kvkit\";\n}\n")
endfunction()
