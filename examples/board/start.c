/* SPDX-License-Identifier: MIT */
/* From reset to main, for the examples' board, and what newlib wants of a system: its output goes
   to ITM port 0, its memory is what RAM is left, and the end of the program ends the emulator. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

extern uint32_t data_load[], data_begin[], data_end[], bss_begin[], bss_end[];
extern char end[], _estack[], _Min_Stack_Size[];
extern void (*const init_array_begin[])(void);
extern void (*const init_array_end[])(void);

int main(void);
void Reset_Handler(void);
void Fault_Handler(void);
void SVC_Handler(void) __attribute__((weak, alias("Fault_Handler")));
void PendSV_Handler(void) __attribute__((weak, alias("Fault_Handler")));
void SysTick_Handler(void) __attribute__((weak, alias("Fault_Handler")));

typedef void (*Handler)(void);
__attribute__((section(".vectors"), used)) static const struct {
  const void* stack;
  Handler handlers[15];
} vectors = {
    _estack,
    {Reset_Handler, Fault_Handler, Fault_Handler, Fault_Handler, Fault_Handler, Fault_Handler, NULL,
     NULL, NULL, NULL, SVC_Handler, Fault_Handler, NULL, PendSV_Handler, SysTick_Handler}};

/* Semihosting's SYS_EXIT_EXTENDED with that status: the emulated board and QEMU end. */
__attribute__((noreturn)) void _exit(int status) {
  const uint32_t parameters[2] = {0x20026, (uint32_t)status};
  register uint32_t operation __asm__("r0") = 0x20;
  register const uint32_t* parameter __asm__("r1") = parameters;
  __asm__ volatile("bkpt 0xab" : "+r"(operation) : "r"(parameter) : "memory");
  for (;;) {
  }
}

void Fault_Handler(void) { _exit(70); }

void Reset_Handler(void) {
  const uint32_t* from = data_load;
  for (uint32_t* to = data_begin; to != data_end;) *to++ = *from++;
  for (uint32_t* to = bss_begin; to != bss_end;) *to++ = 0;
  for (const Handler* init = init_array_begin; init != init_array_end; ++init) (*init)();
  _exit(main());
}

int _write(int file, const char* text, int size) {
  volatile uint32_t* const enabled = (volatile uint32_t*)0xE0000E00u;
  volatile uint8_t* const port = (volatile uint8_t*)0xE0000000u;
  (void)file;
  for (int i = 0; i != size && (*enabled & 1) != 0; ++i) {
    while ((*(volatile uint32_t*)port & 1) == 0) {
    }
    *port = (uint8_t)text[i];
  }
  return size;
}

/* Weak: a program whose heap is Drone's links without it, or it would be told. */
__attribute__((weak)) void* _sbrk(ptrdiff_t bytes) {
  static char* top = end;
  char* const before = top;
  const uintptr_t limit = (uintptr_t)_estack - (uintptr_t)_Min_Stack_Size;
  if (bytes > (ptrdiff_t)(limit - (uintptr_t)top)) {
    errno = ENOMEM;
    return (void*)-1;
  }
  top += bytes;
  return before;
}

int _read(int file, char* to, int size) {
  (void)file, (void)to, (void)size;
  return 0;
}
int _close(int file) { return (void)file, 0; }
int _lseek(int file, int offset, int from) { return (void)file, (void)offset, (void)from, 0; }
int _isatty(int file) { return (void)file, 1; }
int _fstat(int file, struct stat* status) {
  (void)file;
  status->st_mode = S_IFCHR;
  return 0;
}
int _getpid(void) { return 1; }
int _kill(int process, int signal) {
  (void)process, (void)signal;
  errno = EINVAL;
  return -1;
}
void* __dso_handle = NULL;
