/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support/faults.h"

#include <stdlib.h>

#include "base/base.h"

static _Atomic int countdown = -1, hit, count, held;
static _Atomic int lasting; /* the allocations behind the failing one fail as well */

static void *counting(void *user, void *pointer, size_t size)
{
    (void)user;
    if (size == 0) {
        held -= pointer != NULL;
        free(pointer);
        return NULL;
    }
    count++;
    if (countdown >= 0 && countdown-- == 0) {
        hit = 1;
        if (lasting)
            countdown = 0;
        return NULL;
    }
    void *moved = realloc(pointer, size);
    held += moved && !pointer;
    return moved;
}

static const struct sc_allocator allocator = {counting, NULL};

void faults_begin(void)
{
    faults_after(-1);
    held = 0;
    sc_set_allocator(&allocator);
}

void faults_end(void)
{
    sc_set_allocator(NULL);
}

void faults_after(int n)
{
    countdown = n;
    lasting = hit = count = 0;
}

void faults_from(int n)
{
    faults_after(n);
    lasting = 1;
}

int faults_hit(void)
{
    return hit;
}

int faults_count(void)
{
    return count;
}

int faults_held(void)
{
    return held;
}
