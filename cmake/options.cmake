# What every target of Gatehouse is compiled and linked with: the interface library gatehouse_options.

include_guard(GLOBAL)

add_library(gatehouse_options INTERFACE)
target_compile_features(gatehouse_options INTERFACE cxx_std_23)
target_compile_options(gatehouse_options INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Werror
  -fno-omit-frame-pointer)
target_compile_definitions(gatehouse_options INTERFACE "GATEHOUSE_VERSION=\"${PROJECT_VERSION}\"")
if(NOT CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_definitions(gatehouse_options INTERFACE _GLIBCXX_ASSERTIONS)
endif()

# Debug information stays beside the objects in debug builds: the linker then copies little, which is most of its time.
if(CMAKE_BUILD_TYPE STREQUAL "Debug")
  target_compile_options(gatehouse_options INTERFACE -gsplit-dwarf)
endif()

# The cache lets a second link redo only what changed.
if(GATEHOUSE_LTO)
  target_compile_options(gatehouse_options INTERFACE -flto=thin)
  target_link_options(gatehouse_options INTERFACE -flto=thin "-Wl,--thinlto-cache-dir=${PROJECT_BINARY_DIR}/lto-cache")
endif()

# For every target alike: a process is wholly instrumented or not at all.
if(GATEHOUSE_SANITIZE)
  add_compile_options("-fsanitize=${GATEHOUSE_SANITIZE}" -fno-sanitize-recover=all)
  add_link_options("-fsanitize=${GATEHOUSE_SANITIZE}")
endif()
if(GATEHOUSE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
