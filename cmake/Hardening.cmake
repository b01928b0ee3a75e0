# Warnings, hardening and reproducibility, for every target.
option(DAYFLY_WERROR "Treat warnings as errors (CI does)" OFF)
set(DAYFLY_SANITIZE "" CACHE STRING "Sanitizers, e.g. address,undefined")
option(DAYFLY_CRASH_POINTS "Let DAYFLY_CRASH_AT=POINT end a monitor there; for tests only" OFF)

set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g") # asserts stay
set(CMAKE_C_FLAGS_RELEASE "-O2")
if(NOT CMAKE_BUILD_TYPE)
	set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()

add_compile_options(-Wall -Wextra -Wshadow -Wvla -Wformat=2 -Wstrict-prototypes
	-Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wundef -fno-common -fno-strict-aliasing
	-fstack-protector-strong -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.
	-ffile-prefix-map=${CMAKE_BINARY_DIR}=build)
if(DAYFLY_WERROR)
	add_compile_options(-Werror)
endif()
if(DAYFLY_CRASH_POINTS)
	add_compile_definitions(DAYFLY_CRASH_POINTS)
endif()
if(DAYFLY_SANITIZE)
	add_compile_options(-fsanitize=${DAYFLY_SANITIZE} -fno-omit-frame-pointer
		-fno-sanitize-recover=all)
	add_link_options(-fsanitize=${DAYFLY_SANITIZE})
elseif(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
	add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()

set(CMAKE_POSITION_INDEPENDENT_CODE ON)
add_link_options(LINKER:-z,relro,-z,now,-z,noexecstack,--as-needed)

# Small and without a dynamic loader. Sanitizers need the dynamic C library.
function(static_program target)
	if(NOT DAYFLY_SANITIZE)
		target_link_options(${target} PRIVATE -static LINKER:--gc-sections)
	endif()
endfunction()
add_compile_options(-ffunction-sections -fdata-sections)
