/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * import: from files to graphs and clusters. Every error names the file, line, column and JSON path, what was found and
 * what would be right.
 */
#ifndef SC_IMPORT_H
#define SC_IMPORT_H

#include "cost/cost.h"

/* ---- clusters -------------------------------------------------------------------------------------- */

/* A cluster file (samples/schema/cluster.schema.json), or the name of a preset: NAME.json in `presets_dir` (NULL: no
 * presets). "NAME:HOSTS" is the same with another number of hosts. The caller frees *out with sc_cluster_free.
 * SC_NOT_FOUND for an unknown name, SC_USAGE for a wrong number of hosts, SC_INPUT for a bad file. */
enum sc_status sc_import_cluster(const char *path_or_preset, const char *presets_dir, struct sc_cluster **out,
                                 struct sc_error *err);

#endif
