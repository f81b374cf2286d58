/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * From settings to graphs and clusters: where files are looked for, and what a planner's loader is.
 */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "import/import.h"

#ifndef SC_DATA_DIR_INSTALL
#define SC_DATA_DIR_INSTALL "/usr/local/share/stagecut"
#endif
#ifndef SC_DATA_DIR_SOURCE
#define SC_DATA_DIR_SOURCE "."
#endif

static bool has_samples(const char *dir)
{
    char path[PATH_MAX];
    return snprintf(path, sizeof path, "%s/samples/models", dir) < (int)sizeof path && sc_file_exists(path);
}

/* DIR of the program itself, then ../share/stagecut beside it. */
static bool beside_program(char *out, size_t size)
{
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length <= 0)
        return false;
    program[length] = '\0';
    char *slash = strrchr(program, '/');
    if (!slash)
        return false;
    *slash = '\0';
    return snprintf(out, size, "%s/../share/stagecut", program) < (int)size && has_samples(out);
}

bool sc_import_data_dir(char *out, size_t size)
{
    const char *named = getenv("STAGECUT_DATA");
    const char *const places[] = {named, SC_DATA_DIR_SOURCE, SC_DATA_DIR_INSTALL};
    if (!(named && *named) && beside_program(out, size))
        return true;
    for (size_t i = 0; i < SC_LEN(places); i++)
        if (places[i] && *places[i] && has_samples(places[i]))
            return snprintf(out, size, "%s", places[i]) < (int)size;
    return false;
}

/* PATH itself, or the sample of that name. */
static void find_model(const char *path, char *out, size_t size)
{
    char dir[PATH_MAX];
    snprintf(out, size, "%s", path);
    if (strcmp(path, "-") == 0 || sc_file_exists(path) || strchr(path, '/') || !sc_import_data_dir(dir, sizeof dir))
        return;
    size_t length = strlen(path);
    bool json = length > 5 && strcmp(path + length - 5, ".json") == 0;
    char sample[PATH_MAX + 256];
    snprintf(sample, sizeof sample, "%s/samples/models/%s%s", dir, path, json ? "" : ".json");
    if (sc_file_exists(sample))
        snprintf(out, size, "%s", sample);
}

static enum sc_status load_model(void *user, const struct sc_settings *settings, struct sc_graph **out,
                                 struct sc_error *err)
{
    (void)user;
    char path[PATH_MAX + 256];
    struct sc_model_options options = {.batch = settings->batch,
                                       .microbatches = settings->microbatches > 0 ? settings->microbatches : 0,
                                       .sequence = settings->sequence,
                                       .mode = settings->mode,
                                       .precision = settings->has_precision ? sc_dtype_name(settings->precision)
                                                                            : NULL};
    if (!settings->model || !*settings->model)
        return sc_fail(err, SC_USAGE, "no model is named; give a model file, or the name of a sample (`stagecut list models`)");
    for (int i = 0; i < settings->sets.count; i++) {
        enum sc_status status = sc_model_options_set(&options, settings->sets.at[i], err);
        if (status != SC_OK)
            return status;
    }
    find_model(settings->model, path, sizeof path);
    return sc_import_model(path, &options, out, err);
}

static enum sc_status load_cluster(void *user, const struct sc_settings *settings, struct sc_cluster **out,
                                   enum sc_formulas *formulas, struct sc_error *err)
{
    (void)user;
    char dir[PATH_MAX], presets[PATH_MAX + 32];
    bool found = sc_import_data_dir(dir, sizeof dir);
    const char *name = settings->cluster && *settings->cluster ? settings->cluster : SC_DEFAULT_CLUSTER;
    snprintf(presets, sizeof presets, "%s/samples/clusters", dir);
    enum sc_status status = sc_import_cluster(name, found ? presets : NULL, out, err);
    if (status != SC_OK)
        return status;
    *formulas = (*out)->formulas;
    if (settings->formulas && *settings->formulas && !sc_formulas_find(settings->formulas, formulas)) {
        sc_cluster_free(*out);
        return sc_fail(err, SC_USAGE, "there are no formulas '%s'", settings->formulas);
    }
    return SC_OK;
}

struct sc_loader sc_import_loader(void)
{
    return (struct sc_loader){.model = load_model, .cluster = load_cluster};
}

/* ---- samples ---- */

static int by_name(const void *a, const void *b)
{
    const struct sc_import_sample *x = a, *y = b;
    return strcmp(x->name, y->name);
}

/* The "about" of a sample file, or its "source". Unreadable files are listed with their error. */
static char *about_file(struct sc_arena *arena, const char *path)
{
    struct sc_json_doc *doc;
    struct sc_error err = {0};
    if (sc_json_load(path, &doc, &err) != SC_OK)
        return sc_arena_printf(arena, "(%s)", err.message);
    const char *keys[] = {"about", "title", "source"}, *text = NULL;
    for (size_t i = 0; !text && i < SC_LEN(keys); i++)
        text = sc_json_string(sc_json_get(sc_json_root(doc), keys[i]));
    char *copy = sc_arena_strdup(arena, text ? text : "");
    sc_json_doc_free(doc);
    return copy;
}

enum sc_status sc_import_samples_find(const char *folder, struct sc_import_samples *out, struct sc_error *err)
{
    char dir[PATH_MAX], path[PATH_MAX + 64];
    struct dirent *entry;
    *out = (struct sc_import_samples){0};
    if (!sc_import_data_dir(dir, sizeof dir))
        return sc_fail(err, SC_NOT_FOUND, "the samples are not found; set STAGECUT_DATA to the folder that holds samples/");
    snprintf(path, sizeof path, "%s/samples/%s", dir, folder);
    DIR *open_dir = opendir(path);
    if (!open_dir)
        return sc_fail(err, SC_IO, "cannot read %s", path);
    SC_VEC(struct sc_import_sample) samples = {0};
    bool ok = (out->arena = sc_arena_new()) != NULL;
    while (ok && (entry = readdir(open_dir))) {
        size_t length = strlen(entry->d_name);
        if (length <= 5 || strcmp(entry->d_name + length - 5, ".json") != 0)
            continue;
        struct sc_import_sample sample = {
            .name = sc_arena_strndup(out->arena, entry->d_name, length - 5),
            .path = sc_arena_printf(out->arena, "%s/%s", path, entry->d_name),
        };
        sample.about = sample.path ? about_file(out->arena, sample.path) : NULL;
        ok = sample.name && sample.path && sample.about && sc_vec_push(&samples, sample);
    }
    closedir(open_dir);
    if (ok && samples.count) {
        qsort(samples.data, samples.count, sizeof *samples.data, by_name);
        out->at = sc_arena_copy(out->arena, samples.data, samples.count * sizeof *samples.data);
        out->count = (int)samples.count;
        ok = out->at != NULL;
    }
    sc_vec_free(&samples);
    if (!ok) {
        sc_import_samples_free(out);
        return sc_fail(err, SC_NO_MEMORY, "no memory to list %s", path);
    }
    return SC_OK;
}

void sc_import_samples_free(struct sc_import_samples *samples)
{
    sc_arena_free(samples->arena);
    *samples = (struct sc_import_samples){0};
}
