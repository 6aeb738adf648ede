/* SPDX-License-Identifier: MIT */
/* A stand-in for the kernel, see README.md: tasks of one priority take turns, a tick each. */
#include "FreeRTOS.h"
#include "task.h"

struct tskTaskControlBlock {
  uint32_t* top;
  struct tskTaskControlBlock* next;
};

/* Named by the assembly below; `used` because nothing else does so in a way that the compiler sees.
 */
static struct tskTaskControlBlock* current __attribute__((used));
static volatile uint32_t suspended;
static volatile int switch_is_due;
static volatile TickType_t ticks;

#define REGISTER(address) (*(volatile uint32_t*)(address))
#define SYST_CSR REGISTER(0xE000E010)
#define SYST_RVR REGISTER(0xE000E014)
#define SYST_CVR REGISTER(0xE000E018)
#define SCB_ICSR REGISTER(0xE000ED04)
#define SCB_SHPR3 REGISTER(0xE000ED20)
#define PENDSVSET (1u << 28)

void xPortSysTickHandler(void);
void xPortPendSVHandler(void);
void vPortSVCHandler(void);

static void task_ended(void) {
  for (;;) {
  }
}

BaseType_t xTaskCreate(TaskFunction_t pxTaskCode, const char* pcName,
                       configSTACK_DEPTH_TYPE uxStackDepth, void* pvParameters,
                       UBaseType_t uxPriority, TaskHandle_t* pxCreatedTask) {
  struct tskTaskControlBlock* const task = pvPortMalloc(sizeof *task);
  uint32_t* const stack = pvPortMalloc(uxStackDepth * sizeof *stack);
  (void)pcName;
  (void)uxPriority;
  if (task == NULL || stack == NULL) return pdFALSE;
  uint32_t* const top = stack + uxStackDepth - 16; /* r4 to r11, then what the core pops */
  for (int i = 0; i != 16; ++i) top[i] = 0;
  top[8] = (uint32_t)pvParameters;
  top[13] = (uint32_t)task_ended;
  top[14] = (uint32_t)pxTaskCode & ~1u;
  top[15] = 1u << 24;
  task->top = top;
  if (current == NULL) {
    task->next = task;
    current = task;
  } else {
    task->next = current->next;
    current->next = task;
  }
  if (pxCreatedTask != NULL) *pxCreatedTask = task;
  return pdPASS;
}

void vTaskStartScheduler(void) {
  SCB_SHPR3 |= 0xFFFF0000u; /* SysTick and PendSV at the lowest priority */
  SYST_RVR = configCPU_CLOCK_HZ / configTICK_RATE_HZ - 1;
  SYST_CVR = 0;
  SYST_CSR = 7;
  __asm volatile("cpsie i\n\tsvc 0");
  for (;;) {
  }
}

void xPortSysTickHandler(void) {
  ++ticks;
  if (suspended != 0) {
    switch_is_due = 1;
  } else {
    SCB_ICSR = PENDSVSET;
  }
}

void vTaskSuspendAll(void) { ++suspended; }

BaseType_t xTaskResumeAll(void) {
  if (--suspended != 0 || !switch_is_due) return pdFALSE;
  switch_is_due = 0;
  SCB_ICSR = PENDSVSET;
  return pdTRUE;
}

TickType_t xTaskGetTickCount(void) { return ticks; }

__attribute__((naked)) void vPortSVCHandler(void) {
  __asm volatile(
      "ldr r1, =current\n\t"
      "ldr r1, [r1]\n\t"
      "ldr r0, [r1]\n\t"
      "ldmia r0!, {r4-r11}\n\t"
      "msr psp, r0\n\t"
      "mvn lr, #2\n\t" /* to thread mode, on the process stack */
      "bx lr\n\t"
      ".ltorg");
}

__attribute__((naked)) void xPortPendSVHandler(void) {
  __asm volatile(
      "mrs r0, psp\n\t"
      "stmdb r0!, {r4-r11}\n\t"
      "ldr r2, =current\n\t"
      "ldr r1, [r2]\n\t"
      "str r0, [r1]\n\t"
      "ldr r1, [r1, #4]\n\t"
      "str r1, [r2]\n\t"
      "ldr r0, [r1]\n\t"
      "ldmia r0!, {r4-r11}\n\t"
      "msr psp, r0\n\t"
      "bx lr\n\t"
      ".ltorg");
}
