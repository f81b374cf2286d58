/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Files for import tests: a fresh folder, and models written into it.
 */
#ifndef TEST_FILES_H
#define TEST_FILES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "import/import.h"

/* Make and remove the folder; for cmocka_run_group_tests. */
int files_setup(void **state);
int files_teardown(void **state);
/* Write `text` under `name`; the path is valid until the next call. */
const char *files_write(const char *name, const char *text, size_t size);
const char *files_path(const char *name);

/* Import what has to be good; NULL options are none. */
struct sc_graph *import_text(const char *text, const struct sc_model_options *options);
struct sc_graph *import_file(const char *path, const struct sc_model_options *options);

#endif
