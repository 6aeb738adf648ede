/* SPDX-License-Identifier: MIT */
/* A firmware in C as there are many: it knows nothing of drone. A list of readings grows, messages
   are formatted and queued, the oldest are dropped. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct message {
  struct message* next;
  char* text;
};

static struct message *first, **last = &first;
static unsigned queued;

static void push(const char* text) {
  struct message* const message = malloc(sizeof *message);
  if (message == NULL) abort();
  message->next = NULL;
  message->text = strdup(text);
  *last = message;
  last = &message->next;
  ++queued;
}

static void drop_oldest(void) {
  struct message* const message = first;
  first = message->next;
  if (first == NULL) last = &first;
  free(message->text);
  free(message);
  --queued;
}

int main(void) {
  size_t capacity = 4, count = 0;
  int* readings = calloc(capacity, sizeof *readings);
  for (int i = 0; i != 300; ++i) {
    char text[40];
    if (readings == NULL) abort();
    readings[count++] = i * i % 1000;
    snprintf(text, sizeof text, "reading %d: %d", i, readings[count - 1]);
    push(text);
    if (queued > 20) drop_oldest();
    if (count == capacity) {
      capacity *= 2;
      readings = realloc(readings, capacity * sizeof *readings);
    }
  }
  printf("%u messages queued, the oldest is '%s'\n", queued, first->text);
  while (first != NULL) drop_oldest();
  free(readings);
  fflush(stdout);
  return 0;
}
