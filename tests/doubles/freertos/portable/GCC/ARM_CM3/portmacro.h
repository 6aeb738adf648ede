/* SPDX-License-Identifier: MIT */
/* A stand-in for the kernel's header, see README.md. */
#ifndef PORTMACRO_H
#define PORTMACRO_H

typedef long BaseType_t;
typedef unsigned long UBaseType_t;
typedef uint32_t TickType_t;
typedef uint32_t StackType_t;

#define portBYTE_ALIGNMENT 8
#ifndef configSTACK_DEPTH_TYPE
#define configSTACK_DEPTH_TYPE uint32_t
#endif

#endif
