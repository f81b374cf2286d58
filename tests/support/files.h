/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Files for tests: a fresh folder, and text written into it. One folder a program.
 */
#ifndef TEST_SUPPORT_FILES_H
#define TEST_SUPPORT_FILES_H

#include <stddef.h>

/* Make and remove the folder; for cmocka_run_group_tests. Removing fails when it holds a folder. */
int files_setup(void **state);
int files_teardown(void **state);
/* The path of `name` in the folder; static, until the next call. */
const char *files_path(const char *name);
/* Write `text` under `name`; the path is valid until the next call. Fails the test when it cannot. */
const char *files_write(const char *name, const char *text, size_t size);
/* How many files the folder holds. */
int files_count(void);

#endif
