// SPDX-License-Identifier: MIT
// What the C and C++ libraries want of an operating system. There is no _sbrk: malloc is the
// heap's, and a second one would not link.

#include <sys/stat.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "log.hpp"

namespace {

// A debugger halts here, and the emulated board reports the place and ends. Where there is neither,
// the breakpoint becomes a HardFault, which Default_Handler holds.
[[noreturn]] void stop(const char* why) {
  app::log(why);
  asm volatile("cpsid i");
  asm volatile("bkpt 0");
  for (;;) asm volatile("");
}

}  // namespace

// The containers call these where they would throw. Defining them keeps the library's exception
// machinery, and the memory it allocates at start, out of the program.
namespace std {
[[noreturn]] void __throw_bad_alloc() { stop("out of memory"); }
[[noreturn]] void __throw_bad_array_new_length() { stop("array too long"); }
[[noreturn]] void __throw_length_error(const char* what) { stop(what); }
[[noreturn]] void __throw_logic_error(const char* what) { stop(what); }
[[noreturn]] void __throw_invalid_argument(const char* what) { stop(what); }
[[noreturn]] void __throw_out_of_range(const char* what) { stop(what); }
[[noreturn]] void __throw_out_of_range_fmt(const char* what, ...) { stop(what); }
[[noreturn]] void __throw_bad_function_call() { stop("empty function called"); }
}  // namespace std

extern "C" {

[[noreturn]] void __cxa_pure_virtual() { stop("pure virtual function called"); }

[[noreturn]] void abort() { stop("aborted"); }

// The program never ends, so nothing needs to be kept for its end.
void* __dso_handle = nullptr;
int __aeabi_atexit(void*, void (*)(void*), void*) { return 0; }
int atexit(void (*)()) { return 0; }

[[noreturn]] void _exit(int) { stop("exited"); }

// Standard output and standard error are the log.
int _write(int, const char* text, int size) {
  app::write_log({text, static_cast<std::size_t>(size)});
  return size;
}
int _read(int, char*, int) { return 0; }
int _close(int) { return 0; }
int _lseek(int, int, int) { return 0; }
int _isatty(int) { return 1; }
int _fstat(int, struct stat* status) {
  status->st_mode = S_IFCHR;
  return 0;
}
int _getpid() { return 1; }
int _kill(int, int) {
  errno = EINVAL;
  return -1;
}
}
