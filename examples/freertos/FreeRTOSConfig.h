/* SPDX-License-Identifier: MIT */
#ifndef FREERTOS_CONFIG_H
#define FREERTOS_CONFIG_H

#define configCPU_CLOCK_HZ 16000000
#define configTICK_RATE_HZ 8000 /* so that tasks preempt each other often */
#define configUSE_PREEMPTION 1
#define configUSE_TIME_SLICING 1
#define configUSE_PORT_OPTIMISED_TASK_SELECTION 0
#define configMAX_PRIORITIES 3
#define configMINIMAL_STACK_SIZE 128
#define configMAX_TASK_NAME_LEN 8
#define configUSE_16_BIT_TICKS 0
#define configUSE_IDLE_HOOK 0
#define configUSE_TICK_HOOK 0
#define configKERNEL_INTERRUPT_PRIORITY 255
#define configMAX_SYSCALL_INTERRUPT_PRIORITY 64
#define configCHECK_HANDLER_INSTALLATION 0 /* the vector table names the handlers as below */

#define configSUPPORT_DYNAMIC_ALLOCATION 1
#define configSUPPORT_STATIC_ALLOCATION 0
#define configTOTAL_HEAP_SIZE (10 * 1024) /* of the kernel's own heap */
#define configUSE_MALLOC_FAILED_HOOK 1

#define INCLUDE_vTaskSuspend 1

/* Names in the vector table of ../board. */
#define vPortSVCHandler SVC_Handler
#define xPortPendSVHandler PendSV_Handler
#define xPortSysTickHandler SysTick_Handler

/* -DHEAP=4: the kernel's own heap, traced. */
#ifdef TRACE_KERNEL_HEAP
#define DRONE_FREERTOS_HEAP TRACE_KERNEL_HEAP
#include "drone_heaptrace_freertos.h"
#endif

#endif
