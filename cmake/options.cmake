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

# The release is optimised by what an instrumented build counted under bench/train.py (docs/decisions/0006). Functions that
# have changed since are compiled as if there were no profile.
set(GATEHOUSE_PROFILE "" CACHE STRING "Profile-guided optimisation: generate, use, or empty for none")
if(GATEHOUSE_PROFILE STREQUAL "generate")
  target_compile_options(gatehouse_options INTERFACE -fprofile-generate)
  target_link_options(gatehouse_options INTERFACE -fprofile-generate)
elseif(GATEHOUSE_PROFILE STREQUAL "use")
  set(profile "${PROJECT_SOURCE_DIR}/cmake/release.profdata")
  # A relative path is the same for ccache in every checkout; the hash makes Ninja compile anew when the profile changes.
  file(RELATIVE_PATH profile_from_build "${PROJECT_BINARY_DIR}" "${profile}")
  file(MD5 "${profile}" profile_hash)
  target_compile_options(gatehouse_options INTERFACE
    "-fprofile-use=${profile_from_build}" -Wno-profile-instr-unprofiled -Wno-profile-instr-out-of-date -Wno-backend-plugin)
  target_compile_definitions(gatehouse_options INTERFACE "GATEHOUSE_PROFILE_HASH=${profile_hash}")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${profile}")
endif()

# For every target alike: a process is wholly instrumented or not at all.
if(GATEHOUSE_SANITIZE)
  add_compile_options("-fsanitize=${GATEHOUSE_SANITIZE}" -fno-sanitize-recover=all)
  add_link_options("-fsanitize=${GATEHOUSE_SANITIZE}")
endif()
if(GATEHOUSE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
