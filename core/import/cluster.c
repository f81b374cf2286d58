/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Cluster files (samples/schema/cluster.schema.json). A file may extend another: it then changes what it names and
 * keeps the rest.
 */
#include "import/import.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_EXTENDS = 8, MAX_HOSTS = 4096, MAX_DEVICES_PER_HOST = 1024, MAX_POINTS = 4096, MAX_PRESETS = 512 };

/* A link as a file writes it; the model's β is one over gbs × efficiency. */
struct link_text {
    double latency_us, gbs, efficiency;
    bool shared;
};

struct draft {
    struct sc_cluster cluster;
    struct link_text inside, between;
    struct sc_arena *arena;
    const char *presets_dir;
    int depth;
};

/* A number of an object: where it goes, and in what unit the file writes it. */
struct field {
    const char *key;
    size_t offset;
    double unit, min, max;
};

#define DEVICE(member) offsetof(struct sc_device, member)
static const struct field device_fields[] = {
    {"vector_tflops", DEVICE(vector_peak), 1e12, 1e-6, 1e9},
    {"memory_gib", DEVICE(memory_bytes), 1073741824.0, 1e-9, 1e9},
    {"memory_gbs", DEVICE(memory_bandwidth), 1e9, 1e-6, 1e9},
    {"memory_efficiency", DEVICE(memory_efficiency), 1, 1e-6, 1},
    {"launch_us", DEVICE(launch_s), 1e-6, 0, 1e9},
};
static const char *const device_keys[] = {"name",       "peak_tflops", "vector_tflops",     "matrix_efficiency",
                                          "memory_gib", "memory_gbs",  "memory_efficiency", "launch_us",
                                          NULL};

#define LINK(member) offsetof(struct link_text, member)
static const struct field link_fields[] = {
    {"latency_us", LINK(latency_us), 1, 0, 1e9},
    {"gbs", LINK(gbs), 1, 1e-9, 1e9},
    {"efficiency", LINK(efficiency), 1, 1e-6, 1},
};
static const char *const link_keys[] = {"latency_us", "gbs", "efficiency", "shared", NULL};

static enum sc_status no_memory(struct sc_error *err)
{
    return sc_fail(err, SC_NO_MEMORY, "no memory for a cluster");
}

/* Numbers that the object has; the others stay as they are. */
static enum sc_status read_fields(const struct sc_json_doc *doc, const struct sc_json *object,
                                  const struct field *fields, size_t count, void *to, struct sc_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (sc_json_get(object, fields[i].key) == NULL)
            continue;
        double value = 0;
        enum sc_status status =
            sc_json_want_number(doc, object, fields[i].key, true, fields[i].min, fields[i].max, &value, err);
        if (status != SC_OK)
            return status;
        value *= fields[i].unit;
        memcpy((char *)to + fields[i].offset, &value, sizeof value);
    }
    return SC_OK;
}

static enum sc_status read_text(const struct sc_json_doc *doc, const struct sc_json *object, const char *key,
                                struct sc_arena *arena, const char **out, struct sc_error *err)
{
    const char *text = NULL;
    enum sc_status status = sc_json_want_string(doc, object, key, false, &text, err);
    if (status != SC_OK || text == NULL)
        return status;
    *out = sc_arena_strdup(arena, text);
    return *out != NULL ? SC_OK : no_memory(err);
}

static enum sc_status read_peaks(const struct sc_json_doc *doc, const struct sc_json *device, struct sc_device *out,
                                 struct sc_error *err)
{
    const struct sc_json *peaks = NULL;
    enum sc_status status = sc_json_want(doc, device, "peak_tflops", false, SC_JSON_OBJECT, &peaks, err);
    if (status != SC_OK || peaks == NULL)
        return status;
    const char *names[SC_DTYPE_COUNT + 1] = {NULL};
    for (int t = 0; t < SC_DTYPE_COUNT; t++)
        names[t] = sc_dtype_name((enum sc_dtype)t);
    if ((status = sc_json_only(doc, peaks, names, err)) != SC_OK)
        return status;
    for (int t = 0; t < SC_DTYPE_COUNT; t++) {
        const struct field field = {names[t], 0, 1e12, 1e-6, 1e9};
        if ((status = read_fields(doc, peaks, &field, 1, &out->peak[t], err)) != SC_OK)
            return status;
    }
    return SC_OK;
}

/* One fraction, or pairs of gigaFLOPs and the fraction that a product of so many reaches. */
static enum sc_status read_efficiency(const struct sc_json_doc *doc, const struct sc_json *device,
                                      struct sc_device *out, struct sc_error *err)
{
    const struct sc_json *value = sc_json_get(device, "matrix_efficiency");
    if (value == NULL)
        return SC_OK;
    if (sc_json_type(value) == SC_JSON_NUMBER) {
        out->efficiency_count = 1;
        out->efficiency_flops[0] = 1;
        return sc_json_want_number(doc, device, "matrix_efficiency", true, 1e-6, 1, &out->efficiency_fraction[0], err);
    }
    size_t count = sc_json_count(value);
    if (sc_json_type(value) != SC_JSON_ARRAY || count < 1 || count > SC_MAX_EFFICIENCIES)
        return sc_json_fail(doc, value, err, "a fraction, or one to %d pairs [GFLOPs, fraction], must stand here",
                            SC_MAX_EFFICIENCIES);
    int i = 0;
    for (const struct sc_json *pair = sc_json_first(value); pair != NULL; pair = sc_json_next(pair), i++) {
        const struct sc_json *flops = sc_json_first(pair), *fraction = flops != NULL ? sc_json_next(flops) : NULL;
        if (sc_json_type(pair) != SC_JSON_ARRAY || sc_json_count(pair) != 2 || sc_json_type(flops) != SC_JSON_NUMBER ||
            sc_json_type(fraction) != SC_JSON_NUMBER)
            return sc_json_fail(doc, pair, err, "a pair [GFLOPs, fraction] must stand here");
        out->efficiency_flops[i] = sc_json_number(flops) * 1e9;
        out->efficiency_fraction[i] = sc_json_number(fraction);
        if (!(out->efficiency_flops[i] > (i > 0 ? out->efficiency_flops[i - 1] : 0)))
            return sc_json_fail(doc, flops, err, "GFLOPs have to be positive and to increase");
        if (!(out->efficiency_fraction[i] >= 1e-6 && out->efficiency_fraction[i] <= 1))
            return sc_json_fail(doc, fraction, err, "a fraction of peak lies in 0.000001 to 1");
        if (i > 0 && out->efficiency_fraction[i] / out->efficiency_fraction[i - 1] >
                         out->efficiency_flops[i] / out->efficiency_flops[i - 1])
            return sc_json_fail(doc, fraction, err,
                                "a larger product would take less time than the smaller one before");
    }
    out->efficiency_count = i;
    return SC_OK;
}

static enum sc_status read_device(const struct sc_json_doc *doc, const struct sc_json *root, struct draft *draft,
                                  struct sc_error *err)
{
    const struct sc_json *device = NULL;
    enum sc_status status = sc_json_want(doc, root, "device", false, SC_JSON_OBJECT, &device, err);
    if (status != SC_OK || device == NULL)
        return status;
    struct sc_device *out = &draft->cluster.device;
    status = sc_json_only(doc, device, device_keys, err);
    if (status == SC_OK)
        status = read_text(doc, device, "name", draft->arena, &out->name, err);
    if (status == SC_OK)
        status = read_peaks(doc, device, out, err);
    if (status == SC_OK)
        status = read_efficiency(doc, device, out, err);
    if (status == SC_OK)
        status = read_fields(doc, device, device_fields, SC_LEN(device_fields), out, err);
    return status;
}

static enum sc_status read_link(const struct sc_json_doc *doc, const struct sc_json *links, const char *key,
                                struct link_text *out, struct sc_error *err)
{
    const struct sc_json *link = NULL;
    enum sc_status status = sc_json_want(doc, links, key, false, SC_JSON_OBJECT, &link, err);
    if (status != SC_OK || link == NULL)
        return status;
    status = sc_json_only(doc, link, link_keys, err);
    if (status == SC_OK)
        status = read_fields(doc, link, link_fields, SC_LEN(link_fields), out, err);
    if (status == SC_OK)
        status = sc_json_want_bool(doc, link, "shared", false, &out->shared, err);
    return status;
}

static enum sc_status read_links(const struct sc_json_doc *doc, const struct sc_json *root, struct draft *draft,
                                 struct sc_error *err)
{
    static const char *const keys[] = {"inside", "between", NULL};
    const struct sc_json *links = NULL;
    enum sc_status status = sc_json_want(doc, root, "links", false, SC_JSON_OBJECT, &links, err);
    if (status != SC_OK || links == NULL)
        return status;
    status = sc_json_only(doc, links, keys, err);
    if (status == SC_OK)
        status = read_link(doc, links, "inside", &draft->inside, err);
    if (status == SC_OK)
        status = read_link(doc, links, "between", &draft->between, err);
    const struct sc_json *inside = sc_json_get(links, "inside");
    if (status == SC_OK && inside != NULL && draft->inside.shared)
        return sc_json_fail(doc, sc_json_get(inside, "shared"), err,
                            "the link inside a host is each device's own; only the one between hosts can be shared");
    return status;
}

/* A list of positive numbers, `count` of them when that is not 0; increasing when asked for. */
static enum sc_status read_numbers(const struct sc_json_doc *doc, const struct sc_json *object, const char *key,
                                   struct sc_arena *arena, bool increasing, int *count, const double **out,
                                   struct sc_error *err)
{
    const struct sc_json *list = NULL;
    enum sc_status status = sc_json_want(doc, object, key, true, SC_JSON_ARRAY, &list, err);
    if (status != SC_OK)
        return status;
    size_t found = sc_json_count(list);
    if (found < 1 || found > MAX_POINTS)
        return sc_json_fail(doc, list, err, "%zu numbers; one to %d are right", found, MAX_POINTS);
    if (*count != 0 && found != (size_t)*count)
        return sc_json_fail(doc, list, err, "%zu numbers; there must be as many seconds as bytes (%d)", found, *count);
    double *numbers = sc_arena_calloc(arena, found, sizeof *numbers);
    if (numbers == NULL)
        return no_memory(err);
    size_t i = 0;
    for (const struct sc_json *item = sc_json_first(list); item != NULL; item = sc_json_next(item), i++) {
        if (sc_json_type(item) != SC_JSON_NUMBER || !(sc_json_number(item) > 0))
            return sc_json_fail(doc, item, err, "a positive number must stand here");
        numbers[i] = sc_json_number(item);
        if (increasing && i > 0 && !(numbers[i] > numbers[i - 1]))
            return sc_json_fail(doc, item, err, "these numbers must increase");
    }
    *count = (int)found;
    *out = numbers;
    return SC_OK;
}

static enum sc_status read_collective(const struct sc_json_doc *doc, const struct sc_json *object,
                                      enum sc_collective *out, struct sc_error *err)
{
    static const enum sc_collective measurable[] = {SC_ALL_REDUCE, SC_ALL_GATHER, SC_REDUCE_SCATTER, SC_ALL_TO_ALL,
                                                    SC_PERMUTE};
    const char *name = NULL, *names[SC_LEN(measurable)];
    enum sc_status status = sc_json_want_string(doc, object, "collective", true, &name, err);
    if (status != SC_OK)
        return status;
    for (size_t i = 0; i < SC_LEN(measurable); i++) {
        names[i] = sc_collective_name(measurable[i]);
        if (strcmp(name, names[i]) == 0) {
            *out = measurable[i];
            return SC_OK;
        }
    }
    const char *near = sc_nearest(name, names, SC_LEN(names));
    return sc_json_fail(doc, sc_json_get(object, "collective"), err, "unknown collective \"%s\"; %s", name,
                        near != NULL ? near : "all_reduce, all_gather, reduce_scatter, all_to_all or permute");
}

static enum sc_status read_table(const struct sc_json_doc *doc, const struct sc_json *item, struct sc_arena *arena,
                                 struct sc_measured *out, struct sc_error *err)
{
    static const char *const keys[] = {"collective", "devices", "hosts", "bytes", "seconds", "source", NULL};
    if (sc_json_type(item) != SC_JSON_OBJECT)
        return sc_json_fail(doc, item, err, "%s; a measured collective is an object",
                            sc_json_type_name(sc_json_type(item)));
    int64_t devices = 0, hosts = 1;
    const char *source = NULL;
    enum sc_status status = sc_json_only(doc, item, keys, err);
    if (status == SC_OK)
        status = read_collective(doc, item, &out->kind, err);
    if (status == SC_OK)
        status = sc_json_want_int(doc, item, "devices", true, 2, MAX_HOSTS * MAX_DEVICES_PER_HOST, &devices, err);
    if (status == SC_OK)
        status = sc_json_want_int(doc, item, "hosts", false, 1, devices, &hosts, err);
    if (status == SC_OK)
        status = sc_json_want_string(doc, item, "source", false, &source, err);
    if (status == SC_OK)
        status = read_numbers(doc, item, "bytes", arena, true, &out->count, &out->bytes, err);
    if (status == SC_OK)
        status = read_numbers(doc, item, "seconds", arena, false, &out->count, &out->seconds, err);
    if (status == SC_OK && devices % hosts != 0)
        status = sc_json_fail(doc, sc_json_get(item, "hosts"), err, "%d devices do not lie evenly on %d hosts",
                              (int)devices, (int)hosts);
    out->devices = (int)devices;
    out->hosts = (int)hosts;
    return status;
}

/* A list of tables replaces that of the extended file. */
static enum sc_status read_measured(const struct sc_json_doc *doc, const struct sc_json *root, struct draft *draft,
                                    struct sc_error *err)
{
    const struct sc_json *list = NULL;
    enum sc_status status = sc_json_want(doc, root, "measured", false, SC_JSON_ARRAY, &list, err);
    if (status != SC_OK || list == NULL)
        return status;
    size_t count = sc_json_count(list);
    if (count > MAX_POINTS)
        return sc_json_fail(doc, list, err, "more than %d tables", MAX_POINTS);
    struct sc_measured *tables = sc_arena_calloc(draft->arena, count + 1, sizeof *tables);
    if (tables == NULL)
        return no_memory(err);
    size_t i = 0;
    for (const struct sc_json *item = sc_json_first(list); item != NULL; item = sc_json_next(item), i++) {
        if ((status = read_table(doc, item, draft->arena, &tables[i], err)) != SC_OK)
            return status;
        for (size_t j = 0; j < i; j++) {
            if (tables[j].kind == tables[i].kind && tables[j].devices == tables[i].devices &&
                tables[j].hosts == tables[i].hosts)
                return sc_json_fail(doc, item, err, "a second table of the same collective, devices and hosts");
        }
    }
    draft->cluster.measured = tables;
    draft->cluster.measured_count = (int)count;
    return SC_OK;
}

static enum sc_status read_formulas(const struct sc_json_doc *doc, const struct sc_json *root, struct draft *draft,
                                    struct sc_error *err)
{
    static const char *const axis_keys[] = {"alpha", "beta", NULL};
    struct sc_cluster *c = &draft->cluster;
    const char *name = NULL, *names[SC_FORMULAS_COUNT], *mesh = NULL;
    enum sc_status status = sc_json_want_string(doc, root, "formulas", false, &name, err);
    if (status != SC_OK)
        return status;
    if (name != NULL && !sc_formulas_find(name, &c->formulas)) {
        for (int i = 0; i < SC_FORMULAS_COUNT; i++)
            names[i] = sc_formulas_name((enum sc_formulas)i);
        const char *near = sc_nearest(name, names, SC_FORMULAS_COUNT);
        return sc_json_fail(doc, sc_json_get(root, "formulas"), err, "unknown formulas \"%s\"; %s", name,
                            near != NULL ? near : "native, alpa or alpa-playground");
    }
    status = sc_json_want_string(doc, root, "mesh", false, &mesh, err);
    if (status != SC_OK)
        return status;
    if (mesh != NULL && !sc_axes_parse(mesh, &c->logical))
        return sc_json_fail(doc, sc_json_get(root, "mesh"), err, "\"%s\" is not a mesh; for example \"2x4\"", mesh);
    const struct sc_json *axes = NULL;
    status = sc_json_want(doc, root, "axes", false, SC_JSON_ARRAY, &axes, err);
    if (status != SC_OK || axes == NULL)
        return status;
    if (sc_json_count(axes) > SC_MAX_AXES)
        return sc_json_fail(doc, axes, err, "%zu axes; a mesh has at most %d", sc_json_count(axes), SC_MAX_AXES);
    c->axis_count = 0;
    for (const struct sc_json *axis = sc_json_first(axes); axis != NULL; axis = sc_json_next(axis)) {
        int a = c->axis_count++;
        if (sc_json_type(axis) != SC_JSON_OBJECT)
            return sc_json_fail(doc, axis, err, "an axis is an object with alpha and beta");
        status = sc_json_only(doc, axis, axis_keys, err);
        if (status == SC_OK)
            status = sc_json_want_number(doc, axis, "alpha", true, 0, 1e12, &c->axis_alpha[a], err);
        if (status == SC_OK)
            status = sc_json_want_number(doc, axis, "beta", true, 0, 1e12, &c->axis_beta[a], err);
        if (status != SC_OK)
            return status;
    }
    return SC_OK;
}

static enum sc_status read_sizes(const struct sc_json_doc *doc, const struct sc_json *root, struct draft *draft,
                                 struct sc_error *err)
{
    struct sc_cluster *c = &draft->cluster;
    int64_t hosts = c->hosts, devices = c->devices_per_host;
    enum sc_status status = sc_json_want_int(doc, root, "hosts", false, 1, MAX_HOSTS, &hosts, err);
    if (status == SC_OK)
        status = sc_json_want_int(doc, root, "devices_per_host", false, 1, MAX_DEVICES_PER_HOST, &devices, err);
    c->hosts = (int)hosts;
    c->devices_per_host = (int)devices;
    return status;
}

/* ---- files ----------------------------------------------------------------------------------------- */

static enum sc_status read_file(const char *path, struct draft *draft, struct sc_error *err);

/* Where the name of a cluster leads: a path as it is; else NAME.json beside `beside` (a path, or NULL), else among the
 * presets. *out stays NULL when there is no such file. */
static enum sc_status resolve(const char *name, const char *beside, struct draft *draft, const char **out,
                              struct sc_error *err)
{
    size_t length = strlen(name);
    bool is_path =
        strchr(name, '/') != NULL || strcmp(name, "-") == 0 || (length > 5 && strcmp(name + length - 5, ".json") == 0);
    const char *slash = beside != NULL ? strrchr(beside, '/') : NULL, *near = NULL;
    *out = NULL;
    if (beside != NULL && name[0] != '/') {
        near = sc_arena_printf(draft->arena, "%.*s%s%s", slash != NULL ? (int)(slash - beside + 1) : 0, beside, name,
                               is_path ? "" : ".json");
        if (near == NULL)
            return no_memory(err);
    } else if (is_path) {
        near = name;
    }
    if (near != NULL && (strcmp(near, "-") == 0 || sc_file_exists(near)))
        *out = near;
    if (*out != NULL || is_path || draft->presets_dir == NULL)
        return SC_OK;
    const char *preset = sc_arena_printf(draft->arena, "%s/%s.json", draft->presets_dir, name);
    if (preset == NULL)
        return no_memory(err);
    if (sc_file_exists(preset))
        *out = preset;
    return SC_OK;
}

static enum sc_status read_base(const struct sc_json_doc *doc, const struct sc_json *root, const char *path,
                                struct draft *draft, struct sc_error *err)
{
    const char *name = NULL;
    enum sc_status status = sc_json_want_string(doc, root, "extends", false, &name, err);
    if (status != SC_OK || name == NULL)
        return status;
    if (++draft->depth > MAX_EXTENDS)
        return sc_json_fail(doc, sc_json_get(root, "extends"), err,
                            "clusters extend each other more than %d deep, or in a circle", MAX_EXTENDS);
    const char *base = NULL;
    if (strcmp(name, "-") != 0)
        status = resolve(name, path, draft, &base, err);
    if (status != SC_OK)
        return status;
    if (base == NULL)
        return sc_json_fail(doc, sc_json_get(root, "extends"), err,
                            "no cluster \"%s\" to extend, neither beside this file nor among the presets", name);
    return read_file(base, draft, err);
}

static enum sc_status read_root(const struct sc_json_doc *doc, const char *path, struct draft *draft,
                                struct sc_error *err)
{
    static const char *const keys[] = {"stagecut", "name",  "source",   "extends",  "hosts", "devices_per_host",
                                       "device",   "links", "measured", "formulas", "mesh",  "axes",
                                       NULL};
    const struct sc_json *root = sc_json_root(doc);
    struct sc_cluster *c = &draft->cluster;
    enum sc_status status = sc_json_version(doc, err);
    if (status == SC_OK)
        status = sc_json_only(doc, root, keys, err);
    if (status == SC_OK)
        status = read_base(doc, root, path, draft, err);
    if (status == SC_OK)
        status = read_text(doc, root, "name", draft->arena, &c->name, err);
    if (status == SC_OK)
        status = read_text(doc, root, "source", draft->arena, &c->source, err);
    if (status == SC_OK)
        status = read_sizes(doc, root, draft, err);
    if (status == SC_OK)
        status = read_device(doc, root, draft, err);
    if (status == SC_OK)
        status = read_links(doc, root, draft, err);
    if (status == SC_OK)
        status = read_measured(doc, root, draft, err);
    if (status == SC_OK)
        status = read_formulas(doc, root, draft, err);
    return status;
}

/* What a whole cluster must say, once bases and changes are together. Alpa's formulas count communication only, in
 * units of their own. */
static enum sc_status check_whole(const struct sc_json_doc *doc, const struct draft *draft, struct sc_error *err)
{
    const struct sc_cluster *c = &draft->cluster;
    const struct sc_device *d = &c->device;
    bool native = c->formulas == SC_FORMULAS_NATIVE;
    double best = 0;
    for (int t = 0; t < SC_DTYPE_COUNT; t++)
        best = d->peak[t] > best ? d->peak[t] : best;
    const struct {
        bool missing;
        const char *key;
    } wanted[] = {
        {c->name == NULL, "name"},
        {c->hosts == 0, "hosts"},
        {c->devices_per_host == 0, "devices_per_host"},
        {d->memory_bytes == 0, "device.memory_gib"},
        {native && best == 0, "device.peak_tflops"},
        {native && d->vector_peak == 0, "device.vector_tflops"},
        {native && d->memory_bandwidth == 0, "device.memory_gbs"},
        {native && c->devices_per_host > 1 && draft->inside.gbs == 0, "links.inside.gbs"},
        {native && c->hosts > 1 && draft->between.gbs == 0, "links.between.gbs"},
    };
    for (size_t i = 0; i < SC_LEN(wanted); i++) {
        if (wanted[i].missing)
            return sc_json_fail(doc, sc_json_root(doc), err, "the cluster does not say its %s", wanted[i].key);
    }
    int devices = c->hosts * c->devices_per_host, product = sc_axes_product(&c->logical, (1u << c->logical.count) - 1);
    if (c->logical.count > 0 && product != devices)
        return sc_json_fail(doc, sc_json_get(sc_json_root(doc), "mesh"), err, "the mesh has %d devices, the cluster %d",
                            product, devices);
    return SC_OK;
}

static enum sc_status read_file(const char *path, struct draft *draft, struct sc_error *err)
{
    struct sc_json_doc *doc = NULL;
    enum sc_status status = sc_json_load(path, &doc, err);
    if (status != SC_OK)
        return status;
    int depth = draft->depth;
    status = read_root(doc, path, draft, err);
    if (status == SC_OK && depth == 0)
        status = check_whole(doc, draft, err);
    sc_json_doc_free(doc);
    return status;
}

static struct sc_link link_of(const struct link_text *text)
{
    return (struct sc_link){.alpha_s = text->latency_us * 1e-6,
                            .beta_s = text->gbs > 0 ? 1 / (text->gbs * 1e9 * text->efficiency) : 0,
                            .shared = text->shared};
}

/* ---- presets --------------------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names of the presets, sorted; their number. */
static size_t list_presets(struct draft *draft, const char **names)
{
    DIR *dir = draft->presets_dir != NULL ? opendir(draft->presets_dir) : NULL;
    size_t count = 0;
    if (dir == NULL)
        return 0;
    for (struct dirent *entry; count < MAX_PRESETS && (entry = readdir(dir)) != NULL;) {
        size_t length = strlen(entry->d_name);
        if (length <= 5 || strcmp(entry->d_name + length - 5, ".json") != 0)
            continue;
        names[count] = sc_arena_strndup(draft->arena, entry->d_name, length - 5);
        if (names[count] != NULL)
            count++;
    }
    closedir(dir);
    qsort(names, count, sizeof *names, by_text);
    return count;
}

static enum sc_status unknown_preset(const char *name, struct draft *draft, struct sc_error *err)
{
    const char *names[MAX_PRESETS];
    size_t count = list_presets(draft, names);
    const char *near = sc_nearest(name, names, count);
    if (near != NULL)
        return sc_fail(err, SC_NOT_FOUND, "no cluster file or preset \"%s\"; did you mean \"%s\"?", name, near);
    struct sc_str all = {0};
    for (size_t i = 0; i < count; i++)
        sc_str_addf(&all, "%s%s", i > 0 ? ", " : "", names[i]);
    sc_fail(err, SC_NOT_FOUND, "no cluster file or preset \"%s\"; %s%s", name,
            count > 0 ? "presets are " : "there are no presets", sc_str_text(&all));
    sc_str_free(&all);
    return SC_NOT_FOUND;
}

/* "NAME:HOSTS" is NAME with another number of hosts, unless a file is really called so. */
static enum sc_status find_cluster(const char *name, struct draft *draft, const char **path, int64_t *hosts,
                                   struct sc_error *err)
{
    enum sc_status status = resolve(name, NULL, draft, path, err);
    if (status != SC_OK || *path != NULL)
        return status;
    const char *colon = strrchr(name, ':');
    if (colon == NULL)
        return unknown_preset(name, draft, err);
    const char *base = sc_arena_strndup(draft->arena, name, (size_t)(colon - name));
    if (base == NULL)
        return no_memory(err);
    status = resolve(base, NULL, draft, path, err);
    if (status != SC_OK)
        return status;
    if (*path == NULL)
        return unknown_preset(base, draft, err);
    if (!sc_parse_int(colon + 1, hosts) || *hosts < 1 || *hosts > MAX_HOSTS)
        return sc_fail(err, SC_USAGE, "\"%s\": after the colon comes a number of hosts, 1 to %d", name, MAX_HOSTS);
    return SC_OK;
}

static enum sc_status set_hosts(struct draft *draft, int64_t hosts, struct sc_error *err)
{
    struct sc_cluster *c = &draft->cluster;
    if (hosts == 0 || hosts == c->hosts)
        return SC_OK;
    if (hosts > 1 && c->formulas == SC_FORMULAS_NATIVE && draft->between.gbs == 0)
        return sc_fail(err, SC_INPUT, "cluster %s does not say links.between.gbs, so it has one host", c->name);
    c->hosts = (int)hosts;
    c->logical = (struct sc_axes){0};
    c->name = sc_arena_printf(draft->arena, "%s:%d", c->name, c->hosts);
    return c->name != NULL ? SC_OK : no_memory(err);
}

enum sc_status sc_import_cluster(const char *path_or_preset, const char *presets_dir, struct sc_cluster **out,
                                 struct sc_error *err)
{
    struct draft draft = {
        .arena = sc_arena_new(),
        .presets_dir = presets_dir,
        .inside.efficiency = 1,
        .between.efficiency = 1,
        .cluster.device = {.memory_efficiency = 1},
    };
    if (draft.arena == NULL)
        return no_memory(err);
    const char *path = NULL;
    int64_t hosts = 0;
    *out = NULL;
    enum sc_status status = find_cluster(path_or_preset, &draft, &path, &hosts, err);
    if (status == SC_OK)
        status = read_file(path, &draft, err);
    if (status == SC_OK)
        status = set_hosts(&draft, hosts, err);
    if (status == SC_OK) {
        draft.cluster.inside = link_of(&draft.inside);
        draft.cluster.between = link_of(&draft.between);
        *out = sc_cluster_new(&draft.cluster);
        if (*out == NULL)
            status = no_memory(err);
    }
    sc_arena_free(draft.arena);
    return status;
}
