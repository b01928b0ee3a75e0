# Checks of the source text, as tests with the label "lint". A tool that is not there skips its test
# (exit 77), so that a plain build needs none of them; ./test installs them all.
option(DAYFLY_LINT "Add the checks of the source text to the tests" ON)
if(NOT DAYFLY_LINT)
	return()
endif()

function(lint_test name)
	add_test(NAME lint/${name} COMMAND ${ARGN} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
	set_tests_properties(lint/${name} PROPERTIES LABELS lint SKIP_RETURN_CODE 77 TIMEOUT 900)
endfunction()

set(lint ${CMAKE_SOURCE_DIR}/tests/lint)
lint_test(layers ${lint}/layers ${CMAKE_SOURCE_DIR})
lint_test(routes ${lint}/routes ${CMAKE_SOURCE_DIR})
lint_test(format ${lint}/tool clang-format ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
lint_test(tidy ${lint}/tool clang-tidy ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
lint_test(cppcheck ${lint}/tool cppcheck ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
lint_test(man ${lint}/tool mandoc ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
lint_test(shell ${lint}/tool shellcheck ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
set_tests_properties(lint/tidy lint/cppcheck PROPERTIES PROCESSORS 2)
