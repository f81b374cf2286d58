/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The head of model files: the chain of "extends", batch and microbatches, parameters. The body is body.c's.
 */
#include "model.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Far above any model written by people or scripts; a larger file is refused before it is parsed. */
static const size_t max_file_bytes = 4u << 20;

static const char *const base_keys[] = {"stagecut", "name",         "source",   "comment", "precision",
                                        "batch",    "microbatches", "sequence", "modes",   "parameters",
                                        "let",      "blocks",       "body",     "outputs", NULL};
static const char *const size_keys[] = {"stagecut", "extends",      "name",     "source",     "comment", "precision",
                                        "batch",    "microbatches", "sequence", "parameters", NULL};

enum sc_status sc_model_no_memory(struct sc_importer *im)
{
    return sc_fail(im->err, SC_NO_MEMORY, "out of memory");
}

enum sc_status sc_model_step(struct sc_importer *im, const struct sc_json_doc *doc, const struct sc_json *place)
{
    const char *text = sc_json_string(place);
    im->steps += 1 + (text ? (int64_t)strlen(text) / 16 : 0);
    if (im->steps <= SC_MODEL_MAX_STEPS)
        return SC_OK;
    sc_json_fail(doc, place, im->err, "the model takes more than %d steps to expand", SC_MODEL_MAX_STEPS);
    return im->err->status = SC_LIMIT;
}

/* ---- options ---------------------------------------------------------------------------------------- */

enum sc_status sc_model_options_set(struct sc_model_options *options, const char *text, struct sc_error *err)
{
    const char *equals = strchr(text, '=');
    struct sc_setting setting = {{0}, 0};
    size_t length = equals ? (size_t)(equals - text) : 0;
    if (length == 0)
        return sc_fail(err, SC_USAGE, "\"%.80s\" sets nothing; write NAME=VALUE, as in layers=4", text);
    if (length >= sizeof setting.name)
        return sc_fail(err, SC_USAGE, "the name in \"%.80s\" is too long", text);
    memcpy(setting.name, text, length);
    if (!sc_parse_int(equals + 1, &setting.value))
        return sc_fail(err, SC_USAGE, "\"%.80s\": the value has to be a whole number", text);
    for (int i = 0; i < options->setting_count; i++)
        if (strcmp(options->settings[i].name, setting.name) == 0) {
            options->settings[i] = setting;
            return SC_OK;
        }
    if (options->setting_count == SC_MAX_SETTINGS)
        return sc_fail(err, SC_USAGE, "more than %d parameters are set", SC_MAX_SETTINGS);
    options->settings[options->setting_count++] = setting;
    return SC_OK;
}

/* ---- values ----------------------------------------------------------------------------------------- */

bool sc_model_define(struct sc_importer *im, const char *name, int64_t value)
{
    struct sc_variable variable = {.name = name, .value = value};
    return sc_vec_push(&im->variables, variable);
}

enum sc_status sc_model_number(struct sc_importer *im, const struct sc_json_doc *doc, const struct sc_json *value,
                               int64_t *out)
{
    char why[256];
    const char *text = sc_json_string(value);
    enum sc_status status = sc_model_step(im, doc, value);
    if (status != SC_OK)
        return status;
    if (sc_json_type(value) == SC_JSON_BOOL) {
        *out = sc_json_bool(value);
        return SC_OK;
    }
    if (sc_json_is_int(value, out))
        return SC_OK;
    if (sc_json_type(value) == SC_JSON_NUMBER)
        return sc_json_fail(doc, value, im->err, "%g is not a whole number below 2^53", sc_json_number(value));
    if (!text)
        return sc_json_fail(doc, value, im->err, "found %s; expected a whole number or an expression",
                            sc_json_type_name(sc_json_type(value)));
    if (strlen(text) > SC_MODEL_MAX_TEXT)
        return sc_json_fail(doc, value, im->err, "an expression of more than %d characters", SC_MODEL_MAX_TEXT);
    if (!sc_expression_eval(text, im->variables.data, im->variables.count, out, why, sizeof why))
        return sc_json_fail(doc, value, im->err, "\"%.100s\": %s", text, why);
    return SC_OK;
}

enum sc_status sc_model_numbers(struct sc_importer *im, struct sc_arena *arena, const struct sc_json_doc *doc,
                                const struct sc_json *value, int max, const int64_t **out, int *count)
{
    if (sc_json_type(value) != SC_JSON_ARRAY)
        return sc_json_fail(doc, value, im->err, "found %s; expected a list of whole numbers",
                            sc_json_type_name(sc_json_type(value)));
    size_t n = sc_json_count(value);
    if (n > (size_t)max)
        return sc_json_fail(doc, value, im->err, "a list of %zu; the most is %d", n, max);
    int64_t *numbers = sc_arena_calloc(arena, n + 1, sizeof *numbers);
    if (!numbers)
        return sc_model_no_memory(im);
    *out = numbers;
    *count = (int)n;
    for (const struct sc_json *item = sc_json_first(value); item; item = sc_json_next(item)) {
        enum sc_status status = sc_model_number(im, doc, item, numbers++);
        if (status != SC_OK)
            return status;
    }
    return SC_OK;
}

/* "fp16, bf16 or …" for messages. */
static enum sc_status unknown_dtype(struct sc_importer *im, const struct sc_json_doc *doc, const struct sc_json *value,
                                    const char *name)
{
    const char *names[SC_DTYPE_COUNT + 1] = {"compute"};
    struct sc_str list = {0};
    for (int i = 0; i < SC_DTYPE_COUNT; i++) {
        names[i + 1] = sc_dtype_name((enum sc_dtype)i);
        sc_str_addf(&list, ", %s", names[i + 1]);
    }
    const char *near = sc_nearest(name, names, SC_LEN(names));
    enum sc_status status =
        near ? sc_json_fail(doc, value, im->err, "unknown dtype \"%.40s\"; did you mean \"%s\"?", name, near)
             : sc_json_fail(doc, value, im->err, "unknown dtype \"%.40s\"; there are compute%s", name,
                            sc_str_text(&list));
    sc_str_free(&list);
    return status;
}

enum sc_status sc_model_dtype(struct sc_importer *im, const struct sc_json_doc *doc, const struct sc_json *value,
                              enum sc_dtype *out)
{
    const char *name = sc_json_string(value);
    if (!name)
        return sc_json_fail(doc, value, im->err, "found %s; expected the name of a dtype",
                            sc_json_type_name(sc_json_type(value)));
    if (strcmp(name, "compute") == 0)
        *out = im->compute;
    else if (!sc_dtype_find(name, out))
        return unknown_dtype(im, doc, value, name);
    return SC_OK;
}

/* ---- the chain of files ----------------------------------------------------------------------------- */

/* Read, parse and check the version of one file; it becomes the last of the chain. */
static enum sc_status open_file(struct sc_importer *im, const char *path)
{
    struct sc_model_file *file = &im->files[im->file_count];
    char *text = NULL;
    size_t size = 0;
    enum sc_status status = sc_file_read(path, max_file_bytes, &text, &size, im->err);
    if (status != SC_OK)
        return status;
    status = sc_json_parse(path, text, size, &file->doc, im->err);
    sc_free(text);
    if (status != SC_OK)
        return status;
    im->file_count++;
    file->root = sc_json_root(file->doc);
    if (sc_json_type(file->root) != SC_JSON_OBJECT)
        return sc_json_fail(file->doc, file->root, im->err, "a model file is an object, not %s",
                            sc_json_type_name(sc_json_type(file->root)));
    status = sc_json_version(file->doc, im->err);
    if (status != SC_OK)
        return status;
    char real[PATH_MAX];
    file->path = sc_arena_strdup(im->arena, realpath(path, real) ? real : path);
    return file->path ? SC_OK : sc_model_no_memory(im);
}

/* The path of `relative` as seen from the folder of `from`. */
static char *path_beside(struct sc_importer *im, const char *from, const char *relative)
{
    const char *slash = strrchr(from, '/');
    if (relative[0] == '/' || !slash)
        return sc_arena_strdup(im->arena, relative);
    return sc_arena_printf(im->arena, "%.*s/%s", (int)(slash - from), from, relative);
}

static enum sc_status check_loop(struct sc_importer *im, const struct sc_json_doc *doc, const struct sc_json *extends)
{
    const char *last = im->files[im->file_count - 1].path;
    for (int i = 0; i + 1 < im->file_count; i++)
        if (strcmp(im->files[i].path, last) == 0)
            return sc_json_fail(doc, extends, im->err, "\"%.200s\" leads back to a file that extends it",
                                sc_json_string(extends));
    return SC_OK;
}

static enum sc_status open_chain(struct sc_importer *im, const char *path)
{
    enum sc_status status = open_file(im, path);
    while (status == SC_OK) {
        const struct sc_model_file *file = &im->files[im->file_count - 1];
        const struct sc_json *extends = sc_json_get(file->root, "extends");
        if (!extends)
            return sc_json_only(file->doc, file->root, base_keys, im->err);
        if (sc_json_get(file->root, "body"))
            return sc_json_fail(file->doc, sc_json_get(file->root, "body"), im->err,
                                "a file that extends another has no body of its own");
        status = sc_json_only(file->doc, file->root, size_keys, im->err);
        if (status != SC_OK)
            return status;
        if (!sc_json_string(extends) || !*sc_json_string(extends))
            return sc_json_fail(file->doc, extends, im->err, "\"extends\" has to be the path of a model file");
        if (im->file_count == SC_MODEL_MAX_FILES)
            return sc_json_fail(file->doc, extends, im->err, "a chain of more than %d files", SC_MODEL_MAX_FILES);
        char *next = path_beside(im, sc_json_file(file->doc), sc_json_string(extends));
        if (!next)
            return sc_model_no_memory(im);
        struct sc_error inner = {0};
        struct sc_error *outer = im->err;
        im->err = &inner;
        status = open_file(im, next);
        im->err = outer;
        if (status == SC_IO || status == SC_NOT_FOUND) /* point at the reference, not at nothing */
            return sc_json_fail(file->doc, extends, im->err, "cannot read \"%.200s\": %s", next, inner.message);
        if (status != SC_OK)
            *outer = inner;
        if (status == SC_OK)
            status = check_loop(im, file->doc, extends);
    }
    return status;
}

/* The member of the first file of the chain that has it; its document into *doc. */
static const struct sc_json *find_member(const struct sc_importer *im, const char *key, const struct sc_json_doc **doc)
{
    for (int i = 0; i < im->file_count; i++) {
        const struct sc_json *value = sc_json_get(im->files[i].root, key);
        *doc = im->files[i].doc;
        if (value)
            return value;
    }
    return NULL;
}

/* ---- mode, precision, batch ------------------------------------------------------------------------- */

static enum sc_status check_mode(struct sc_importer *im)
{
    const struct sc_json_doc *doc;
    const struct sc_json *modes = find_member(im, "modes", &doc);
    bool found = modes == NULL;
    struct sc_str list = {0};
    if (modes && (sc_json_type(modes) != SC_JSON_ARRAY || !sc_json_first(modes)))
        return sc_json_fail(doc, modes, im->err, "\"modes\" is a list of train, prefill and decode");
    for (const struct sc_json *item = modes ? sc_json_first(modes) : NULL; item; item = sc_json_next(item)) {
        enum sc_mode mode;
        const char *name = sc_json_string(item);
        if (!name || !sc_mode_find(name, &mode)) {
            sc_str_free(&list);
            return sc_json_fail(doc, item, im->err, "unknown mode; there are train, prefill and decode");
        }
        found |= mode == im->options->mode;
        sc_str_addf(&list, "%s%s", list.length ? ", " : "", name);
    }
    enum sc_status status = SC_OK;
    if (!found)
        status = sc_fail(im->err, SC_USAGE, "the model has no mode %s; it has %s", sc_mode_name(im->options->mode),
                         sc_str_text(&list));
    sc_str_free(&list);
    return status;
}

static enum sc_status read_precision(struct sc_importer *im)
{
    const struct sc_json_doc *doc;
    const struct sc_json *value = find_member(im, "precision", &doc);
    const char *name = im->options->precision;
    im->compute = SC_DTYPE_FP32;
    if (name) {
        if (!sc_dtype_find(name, &im->compute) || !sc_dtype_is_float(im->compute))
            return sc_fail(im->err, SC_USAGE, "unknown precision \"%.40s\"; there are fp32, fp16, bf16 and fp8", name);
        return SC_OK;
    }
    if (!value)
        return SC_OK;
    enum sc_status status = sc_model_dtype(im, doc, value, &im->compute);
    if (status == SC_OK && !sc_dtype_is_float(im->compute))
        return sc_json_fail(doc, value, im->err, "the precision has to be a float dtype");
    return status;
}

/* A count from the options, or else from the files; 0 when neither has it. */
static enum sc_status read_count(struct sc_importer *im, const char *key, int64_t option, int64_t *out)
{
    const struct sc_json_doc *doc;
    const struct sc_json *value = find_member(im, key, &doc);
    *out = option;
    if (option < 0 || option > INT32_MAX)
        return sc_fail(im->err, SC_USAGE, "%s %lld; it has to be from 1 to %d", key, (long long)option, INT32_MAX);
    if (option || !value)
        return SC_OK;
    enum sc_status status = sc_model_number(im, doc, value, out);
    if (status == SC_OK && (*out < 1 || *out > INT32_MAX))
        return sc_json_fail(doc, value, im->err, "%s is %lld; it has to be from 1 to %d", key, (long long)*out,
                            INT32_MAX);
    return status;
}

static enum sc_status read_batch(struct sc_importer *im)
{
    int64_t batch, microbatches, sequence;
    const struct sc_json_doc *doc;
    for (int mode = 0; mode < SC_MODE_COUNT; mode++)
        if (!sc_model_define(im, sc_mode_name((enum sc_mode)mode), mode == (int)im->options->mode))
            return sc_model_no_memory(im);
    enum sc_status status = read_count(im, "sequence", im->options->sequence, &sequence);
    if (status == SC_OK && im->options->sequence && !find_member(im, "sequence", &doc))
        return sc_fail(im->err, SC_USAGE, "the model has no sequence; leave --seq out");
    if (status == SC_OK && im->options->batch && !find_member(im, "batch", &doc))
        return sc_fail(im->err, SC_USAGE, "the model has no batch; leave --batch out");
    if (status == SC_OK)
        status = read_count(im, "batch", im->options->batch, &batch);
    if (status != SC_OK)
        return status;
    batch = batch ? batch : 1;
    if (!sc_model_define(im, "batch", batch)) /* all of it, for the expression of microbatches */
        return sc_model_no_memory(im);
    status = read_count(im, "microbatches", im->options->microbatches, &microbatches);
    if (status != SC_OK)
        return status;
    microbatches = microbatches ? microbatches : 1;
    const struct sc_json *split = im->options->microbatches ? NULL : find_member(im, "microbatches", &doc);
    if (batch % microbatches != 0 && split)
        return sc_json_fail(doc, split, im->err,
                            "a batch of %lld does not split into %lld microbatches; give a divisor of %lld",
                            (long long)batch, (long long)microbatches, (long long)batch);
    if (batch % microbatches != 0)
        return sc_fail(im->err, SC_USAGE,
                       "a batch of %lld does not split into %lld microbatches; give a divisor of %lld",
                       (long long)batch, (long long)microbatches, (long long)batch);
    im->variables.data[im->variables.count - 1].value = batch / microbatches;
    if (!sc_model_define(im, "microbatches", microbatches) || (sequence && !sc_model_define(im, "seq", sequence)))
        return sc_model_no_memory(im);
    sc_graph_describe(im->builder, batch / microbatches, microbatches, sequence, im->options->mode);
    return SC_OK;
}

/* ---- parameters ------------------------------------------------------------------------------------- */

static enum sc_status check_parameter_name(struct sc_importer *im, const struct sc_json *item)
{
    const char *name = sc_json_key(item);
    if (im->variables.count >= SC_MODEL_MAX_NAMES)
        return sc_json_fail(im->doc, item, im->err, "more than %d parameters", SC_MODEL_MAX_NAMES);
    size_t good = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    if (!*name || name[good] || (*name >= '0' && *name <= '9') || good >= 64)
        return sc_json_fail(im->doc, item, im->err, "\"%.80s\" cannot name a parameter; use letters, digits and _",
                            name);
    for (size_t i = 0; i < im->variables.count; i++)
        if (strcmp(im->variables.data[i].name, name) == 0)
            return sc_json_fail(im->doc, item, im->err, "\"%s\" is named twice, or is one of %s", name,
                                "train, prefill, decode, batch, microbatches, seq");
    return SC_OK;
}

static enum sc_status set_list(struct sc_importer *im, const struct sc_json_doc *doc, const struct sc_json *value,
                               const char *name)
{
    struct sc_variable variable = {.name = name};
    char label[96];
    enum sc_status status =
        sc_model_numbers(im, im->arena, doc, value, SC_MODEL_MAX_LIST, &variable.list, &variable.count);
    for (int i = 0; i < variable.count && status == SC_OK; i++) {
        snprintf(label, sizeof label, "%s[%d]", name, i);
        status = sc_graph_set_value(im->builder, label, variable.list[i]);
    }
    if (status == SC_OK && !sc_vec_push(&im->variables, variable))
        status = sc_model_no_memory(im);
    return status;
}

/* One declared parameter: its value is the setting's, or that of the first file of the chain that has it. */
static enum sc_status read_parameter(struct sc_importer *im, const struct sc_json *declared)
{
    const char *name = sc_json_key(declared);
    const struct sc_json *value = declared;
    const struct sc_json_doc *doc = im->doc;
    for (int i = im->file_count - 1; i >= 0; i--) {
        const struct sc_json *given = sc_json_get(sc_json_get(im->files[i].root, "parameters"), name);
        value = given ? given : value;
        doc = given ? im->files[i].doc : doc;
    }
    const struct sc_setting *setting = NULL;
    for (int i = 0; i < im->options->setting_count; i++)
        if (strcmp(im->options->settings[i].name, name) == 0)
            setting = &im->options->settings[i];
    bool list = sc_json_type(declared) == SC_JSON_ARRAY;
    if (setting && list)
        return sc_fail(im->err, SC_USAGE, "\"%s\" is a list; it is set in a file that extends the model", name);
    if (list != (sc_json_type(value) == SC_JSON_ARRAY))
        return sc_json_fail(doc, value, im->err, "\"%s\" has to be %s, as in the file it extends", name,
                            list ? "a list" : "one number");
    if (list)
        return set_list(im, doc, value, name);
    int64_t number = setting ? setting->value : 0;
    enum sc_status status = setting ? SC_OK : sc_model_number(im, doc, value, &number);
    if (status == SC_OK && (!sc_model_define(im, name, number) || sc_graph_set_value(im->builder, name, number)))
        return sc_model_no_memory(im);
    return status;
}

/* Names of the declared parameters, to suggest the nearest. */
static const char *nearest_parameter(const struct sc_json *declared, const char *name)
{
    const char *names[256];
    size_t count = 0;
    for (const struct sc_json *p = declared ? sc_json_first(declared) : NULL; p && count < SC_LEN(names);
         p = sc_json_next(p))
        names[count++] = sc_json_key(p);
    return sc_nearest(name, names, count);
}

/* Everything that is set has to be declared by the file with the body. */
static enum sc_status check_overrides(struct sc_importer *im, const struct sc_json *declared)
{
    for (int i = 0; i + 1 < im->file_count; i++) {
        const struct sc_json *given = NULL;
        enum sc_status status =
            sc_json_want(im->files[i].doc, im->files[i].root, "parameters", false, SC_JSON_OBJECT, &given, im->err);
        if (status != SC_OK)
            return status;
        for (const struct sc_json *p = given ? sc_json_first(given) : NULL; p; p = sc_json_next(p)) {
            if (declared && sc_json_get(declared, sc_json_key(p)))
                continue;
            const char *near = nearest_parameter(declared, sc_json_key(p));
            return sc_json_fail(im->files[i].doc, p, im->err, "the model has no parameter \"%.60s\"%s%s%s",
                                sc_json_key(p), near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
        }
    }
    for (int i = 0; i < im->options->setting_count; i++) {
        const char *name = im->options->settings[i].name;
        if (declared && sc_json_get(declared, name))
            continue;
        const char *near = nearest_parameter(declared, name);
        return sc_fail(im->err, SC_USAGE, "the model has no parameter \"%s\"%s%s%s", name,
                       near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    return SC_OK;
}

static enum sc_status read_parameters(struct sc_importer *im)
{
    const struct sc_json *root = im->files[im->file_count - 1].root, *declared = NULL, *let = NULL;
    enum sc_status status = sc_json_want(im->doc, root, "parameters", false, SC_JSON_OBJECT, &declared, im->err);
    if (status == SC_OK)
        status = check_overrides(im, declared);
    for (const struct sc_json *p = declared ? sc_json_first(declared) : NULL; p && status == SC_OK;
         p = sc_json_next(p)) {
        status = check_parameter_name(im, p);
        if (status == SC_OK)
            status = read_parameter(im, p);
    }
    if (status == SC_OK)
        status = sc_json_want(im->doc, root, "let", false, SC_JSON_OBJECT, &let, im->err);
    for (const struct sc_json *p = let ? sc_json_first(let) : NULL; p && status == SC_OK; p = sc_json_next(p)) {
        int64_t value;
        status = check_parameter_name(im, p);
        if (status == SC_OK)
            status = sc_model_number(im, im->doc, p, &value);
        if (status == SC_OK && !sc_model_define(im, sc_json_key(p), value))
            status = sc_model_no_memory(im);
    }
    return status;
}

/* ---- the whole -------------------------------------------------------------------------------------- */

static enum sc_status start_builder(struct sc_importer *im, const char *path)
{
    const char *name = "model";
    const struct sc_json_doc *doc;
    const struct sc_json *value = find_member(im, "name", &doc);
    if (value && (!sc_json_string(value) || !*sc_json_string(value)))
        return sc_json_fail(doc, value, im->err, "the model's name has to be a text");
    const struct sc_json *source = find_member(im, "source", &doc);
    if (source && !sc_json_string(source))
        return sc_json_fail(doc, source, im->err, "\"source\" has to be a text");
    im->builder = sc_graph_builder_new(value ? sc_json_string(value) : name, path);
    return im->builder ? SC_OK : sc_model_no_memory(im);
}

static enum sc_status import(struct sc_importer *im, const char *path, struct sc_graph **out)
{
    enum sc_status status = open_chain(im, path);
    if (status != SC_OK)
        return status;
    im->doc = im->files[im->file_count - 1].doc;
    status = start_builder(im, path);
    if (status == SC_OK)
        status = check_mode(im);
    if (status == SC_OK)
        status = read_precision(im);
    if (status == SC_OK)
        status = read_batch(im);
    if (status == SC_OK)
        status = read_parameters(im);
    if (status == SC_OK)
        status = sc_model_expand(im);
    if (status != SC_OK)
        return status;
    struct sc_error inner = {0};
    status = sc_graph_build(im->builder, out, &inner);
    if (status == SC_INPUT) {
        int dead = sc_graph_find_dead(im->builder);
        return sc_json_fail(im->doc, dead < 0 ? im->files[im->file_count - 1].root : im->places.data[dead], im->err,
                            "%s", inner.message);
    }
    return status == SC_OK ? SC_OK : sc_fail(im->err, status, "%s", inner.message);
}

enum sc_status sc_import_model(const char *path, const struct sc_model_options *options, struct sc_graph **out,
                               struct sc_error *err)
{
    static const struct sc_model_options none;
    struct sc_error unused = {0};
    struct sc_importer im = {.options = options ? options : &none, .err = err ? err : &unused};
    *out = NULL;
    im.arena = sc_arena_new();
    im.scratch = sc_arena_new();
    enum sc_status status = im.arena && im.scratch ? import(&im, path, out) : sc_model_no_memory(&im);
    if (status != SC_OK && !im.err->file[0])
        snprintf(im.err->file, sizeof im.err->file, "%s", path);
    sc_graph_builder_free(im.builder);
    for (int i = 0; i < im.file_count; i++)
        sc_json_doc_free(im.files[i].doc);
    sc_vec_free(&im.variables);
    sc_vec_free(&im.places);
    sc_map_free(&im.tensors);
    sc_str_free(&im.prefix);
    sc_arena_free(im.arena);
    sc_arena_free(im.scratch);
    return status;
}
