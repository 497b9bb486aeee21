# Run as a script after linking: writes OUT with one add_test a TEST_SUITE of PROGRAM, stopped after HANG_SECONDS. A
# case that cannot run here prints a line "SKIPPED: why"; a suite whose name has "redis" in it is labelled needs-redis.
execute_process(COMMAND ${PROGRAM} --list-test-suites --no-intro --no-version OUTPUT_VARIABLE listing
  COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^\n]+" lines "${listing}")
list(FILTER lines EXCLUDE REGEX "^(\\[doctest\\]|=====)")
set(text "")
function(add name)
  set(labels ${LABEL})
  if(name MATCHES "redis")
    list(APPEND labels needs-redis)
  endif()
  list(JOIN ARGN "]==] [==[" arguments)
  set(text "${text}add_test([==[${LABEL}: ${name}]==] [==[${PROGRAM}]==] [==[${arguments}]==])
set_tests_properties([==[${LABEL}: ${name}]==] PROPERTIES LABELS \"${labels}\" TIMEOUT ${HANG_SECONDS}
  SKIP_REGULAR_EXPRESSION \"(^|\\n)SKIPPED: \")\n" PARENT_SCOPE)
endfunction()
foreach(suite ${lines})
  string(REPLACE "," "?" filter "${suite}")  # a comma separates filters
  add("${suite}" "--test-suite=${filter}")
endforeach()
execute_process(COMMAND ${PROGRAM} --count --test-suite-exclude=?* OUTPUT_VARIABLE loose)
if(NOT loose MATCHES ": 0\n?")
  add("cases outside a suite" "--test-suite-exclude=?*")
endif()
file(WRITE ${OUT} "${text}")
