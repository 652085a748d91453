/* SPDX-License-Identifier: Apache-2.0 */
/* A doubly linked list whose links live in its members; a head is a link that points to itself. */
#ifndef TR_BASE_LIST_H
#define TR_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct tr_list { struct tr_list *prev, *next; };

#define tr_container(link, type, member) ((type *)(void *)((char *)(link) - offsetof(type, member)))

static inline void tr_list_init(struct tr_list *l) { l->prev = l->next = l; }
static inline bool tr_list_empty(const struct tr_list *l) { return l->next == l; }

static inline void tr_list_push(struct tr_list *head, struct tr_list *link) /* at the end */
{
	link->prev = head->prev;
	link->next = head;
	head->prev->next = link;
	head->prev = link;
}

/* Removing a link that is in no list (initialised, or removed before) is harmless. */
static inline void tr_list_remove(struct tr_list *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	tr_list_init(link);
}

static inline struct tr_list *tr_list_first(const struct tr_list *head)
{
	return head->next == head ? NULL : head->next;
}

#endif
