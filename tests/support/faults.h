/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * An allocator that fails on demand, in whatever thread.
 */
#ifndef TEST_SUPPORT_FAULTS_H
#define TEST_SUPPORT_FAULTS_H

/* Route all allocations through it; `faults_end` puts the C library's allocator back. */
void faults_begin(void);
void faults_end(void);
/* The allocation after `n` more fails (once); n < 0: none does. */
void faults_after(int n);
/* All allocations after `n` more fail. */
void faults_from(int n);
/* Did it? */
int faults_hit(void);
/* Allocations since faults_after, and blocks that are held now of those allocated since faults_begin. */
int faults_count(void);
int faults_held(void);

#endif
