@ SPDX-License-Identifier: MIT
@ An allocator whose costs are known by counting the lines below: it hands out one block behind the
@ other, in multiples of 8 bytes, and takes none back.
  .syntax unified
  .thumb

  .section .data.next_block, "aw"
  .balign 4
next_block:
  .word free_ram

  .section .text.malloc, "ax"
  .global malloc
  .thumb_func
malloc:                    @ 13 instructions, the skipped ones included; 28 bytes, a word
  ldr r3, address_of_next  @ 2
  ldr r1, [r3]             @ 2
  adds r0, #7              @ 2
  bic r0, r0, #7           @ 4
  cmp r0, #64              @ 2
  ite hi                   @ 2
  addhi r2, r1, r0         @ 2
  addls r2, r1, r0         @ 2
  it eq                    @ 2
  addeq r2, #0             @ 2  as large as 64: nothing more either
  str r2, [r3]             @ 2
  mov r0, r1               @ 2
  bx lr                    @ 2
  .balign 4
address_of_next:
  .word next_block

  .section .text.free, "ax"
  .global free
  .thumb_func
free:                      @ 7 instructions, each fourth time 9; 18 bytes, padding, a word
  ldr r3, address_of_count @ 2
  ldr r1, [r3]             @ 2
  adds r1, #1              @ 2
  str r1, [r3]             @ 2
  lsls r1, r1, #30         @ 2
  bne not_the_fourth       @ 2
  nop                      @ 2
  nop                      @ 2
not_the_fourth:
  bx lr                    @ 2
  .balign 4
address_of_count:
  .word freed

  .section .bss.freed, "aw", %nobits
  .balign 4
freed:
  .space 4

  .section .text.realloc, "ax"
  .global realloc
  .thumb_func
realloc:                   @ always moves: 6 for each byte, and what malloc takes
  push {r0, r1, r4, lr}
  mov r0, r1
  bl malloc
  ldrd r1, r2, [sp]
  movs r3, #0
next_byte:
  cmp r3, r2
  beq copied
  ldrb r4, [r1, r3]
  strb r4, [r0, r3]
  adds r3, #1
  b next_byte
copied:
  add sp, #8
  pop {r4, pc}
