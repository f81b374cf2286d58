/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * import: from files to graphs and clusters. Every error names the file, line, column and JSON path, what was found and
 * what would be right.
 */
#ifndef SC_IMPORT_H
#define SC_IMPORT_H

#include "plan/plan.h"

/* ---- clusters -------------------------------------------------------------------------------------- */

/* A cluster file (samples/schema/cluster.schema.json), or the name of a preset: NAME.json in `presets_dir` (NULL: no
 * presets). "NAME:HOSTS" is the same with another number of hosts. The caller frees *out with sc_cluster_free.
 * SC_NOT_FOUND for an unknown name, SC_USAGE for a wrong number of hosts, SC_INPUT for a bad file. */
enum sc_status sc_import_cluster(const char *path_or_preset, const char *presets_dir, struct sc_cluster **out,
                                 struct sc_error *err);

/* ---- models ---------------------------------------------------------------------------------------- */

enum { SC_MAX_SETTINGS = 64 };

/* A parameter of the model file, set from outside. */
struct sc_setting {
    char name[64];
    int64_t value;
};

/* What the command line says about a model. Zero-initialised: everything as the file has it, for training. */
struct sc_model_options {
    int setting_count;
    struct sc_setting settings[SC_MAX_SETTINGS];
    int64_t batch;        /* samples an iteration, all microbatches together; 0: the file's */
    int64_t microbatches; /* they divide the batch; 0: the file's */
    int64_t sequence;     /* tokens a sample; 0: the file's */
    enum sc_mode mode;
    const char *precision; /* "fp32", "fp16", "bf16" or "fp8"; NULL: the file's */
};
/* Read one "NAME=VALUE" into the settings; a later one replaces an earlier one. SC_USAGE with a message. */
enum sc_status sc_model_options_set(struct sc_model_options *options, const char *text, struct sc_error *err);

/* A model file (samples/schema/model.schema.json) as a graph of one microbatch. A file may extend another, by a path
 * relative to its own folder. `options` NULL: none. The caller frees *out with sc_graph_free. SC_INPUT with file, line,
 * column and JSON path for a bad file; SC_USAGE for options that do not fit it; SC_LIMIT when it is too large; SC_IO.
 */
enum sc_status sc_import_model(const char *path, const struct sc_model_options *options, struct sc_graph **out,
                               struct sc_error *err);

/* ---- samples and settings --------------------------------------------------------------------------- */

/* The cluster when none is named. */
#define SC_DEFAULT_CLUSTER "p3.16xlarge"
/* The model of a first start. */
#define SC_DEFAULT_MODEL "mlp-2"

/* The folder that holds samples/ and scripts/: $STAGECUT_DATA, ../share/stagecut beside the program, the source tree it
 * was built in, or the place of installation. False when there is none. */
bool sc_import_data_dir(char *out, size_t size);
/* What a planner loads through: model files or names of samples, cluster files or names of presets. */
struct sc_loader sc_import_loader(void);

/* The files of samples/FOLDER ("models", "clusters"), by name. */
struct sc_import_sample {
    const char *name, *path, *about;
};
struct sc_import_samples {
    int count;
    const struct sc_import_sample *at;
    struct sc_arena *arena;
};
enum sc_status sc_import_samples_find(const char *folder, struct sc_import_samples *out, struct sc_error *err);
void sc_import_samples_free(struct sc_import_samples *samples);

#endif
