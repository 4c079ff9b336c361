# Compiles for arm64 Linux on another machine:
#   cmake --preset debug -B build/arm64 -D CMAKE_TOOLCHAIN_FILE=cmake/arm64.cmake -D CMAKE_SYSROOT=FOLDER
# FOLDER: a Debian 12 for arm64 with the libraries of scripts/setup, its absolute links made relative. Where there is
# qemu-user-static, ctest runs the tests by it.

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER_TARGET aarch64-linux-gnu)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES CMAKE_SYSROOT)

# Libraries, headers and CMake packages of the sysroot; programs of this machine.
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

find_program(GATEHOUSE_QEMU qemu-aarch64-static)
if(GATEHOUSE_QEMU)
  set(CMAKE_CROSSCOMPILING_EMULATOR "${GATEHOUSE_QEMU};-L;${CMAKE_SYSROOT}")
endif()
