/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Models for import tests, from files and from text.
 */
#ifndef TEST_FILES_H
#define TEST_FILES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "import/import.h"
#include "support/files.h"

/* Import what has to be good; NULL options are none. */
struct sc_graph *import_text(const char *text, const struct sc_model_options *options);
struct sc_graph *import_file(const char *path, const struct sc_model_options *options);

#endif
