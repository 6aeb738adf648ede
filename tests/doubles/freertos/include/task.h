/* SPDX-License-Identifier: MIT */
/* A stand-in for the kernel's header, see README.md. */
#ifndef INC_TASK_H
#define INC_TASK_H

#ifndef INC_FREERTOS_H
#error "include FreeRTOS.h before task.h"
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tskTaskControlBlock* TaskHandle_t;

BaseType_t xTaskCreate(TaskFunction_t pxTaskCode, const char* pcName,
                       configSTACK_DEPTH_TYPE uxStackDepth, void* pvParameters,
                       UBaseType_t uxPriority, TaskHandle_t* pxCreatedTask);
void vTaskStartScheduler(void);
void vTaskSuspendAll(void);
BaseType_t xTaskResumeAll(void);
TickType_t xTaskGetTickCount(void);

#ifdef __cplusplus
}
#endif

#endif
