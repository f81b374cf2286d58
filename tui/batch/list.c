/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * list: what there is to choose from.
 */
#include <stdio.h>
#include <string.h>

#include "batch/run.h"
#include "export/export.h"

/* Rows of a list: a name and a line about it. */
typedef void (*row_writer)(void *user, const char *name, const char *about);

static enum sc_status list_kinds(row_writer row, void *user, struct sc_error *err)
{
    const struct sc_kind *kind;
    (void)err;
    for (size_t i = 0; (kind = sc_kind_at(i)); i++)
        row(user, kind->name, kind->help);
    return SC_OK;
}

static enum sc_status list_solvers(row_writer row, void *user, struct sc_error *err)
{
    (void)err;
    for (int s = 0; s < SC_SOLVER_COUNT; s++)
        row(user, sc_solver_name((enum sc_solver)s), sc_solver_help((enum sc_solver)s));
    return SC_OK;
}

static enum sc_status list_methods(row_writer row, void *user, struct sc_error *err)
{
    const char *name, *help;
    (void)err;
    for (size_t i = 0; (name = sc_method_at(i, &help)); i++)
        row(user, name, help);
    return SC_OK;
}

static enum sc_status list_formats(row_writer row, void *user, struct sc_error *err)
{
    const struct sc_exporter *exporter;
    char about[256];
    (void)err;
    row(user, "json", "a plan: settings and the strategy of every op (solve --json, --out)");
    for (size_t i = 0; (exporter = sc_exporter_at(i)); i++) {
        snprintf(about, sizeof about, "%s%s%s", exporter->help, exporter->variants ? "; behind a colon: " : "",
                 exporter->variants ? exporter->variants : "");
        row(user, exporter->name, about);
    }
    return SC_OK;
}

static enum sc_status list_samples(const char *folder, row_writer row, void *user, struct sc_error *err)
{
    struct sc_import_samples samples;
    enum sc_status status = sc_import_samples_find(folder, &samples, err);
    if (status != SC_OK)
        return status;
    for (int i = 0; i < samples.count; i++)
        row(user, samples.at[i].name, samples.at[i].about);
    sc_import_samples_free(&samples);
    return SC_OK;
}

static enum sc_status list_models(row_writer row, void *user, struct sc_error *err)
{
    return list_samples("models", row, user, err);
}

static enum sc_status list_clusters(row_writer row, void *user, struct sc_error *err)
{
    return list_samples("clusters", row, user, err);
}

static const struct {
    const char *name;
    enum sc_status (*list)(row_writer row, void *user, struct sc_error *err);
} lists[] = {
    {"models", list_models},   {"clusters", list_clusters}, {"kinds", list_kinds},
    {"formats", list_formats}, {"solvers", list_solvers},   {"methods", list_methods},
};

static void text_row(void *user, const char *name, const char *about)
{
    sc_str_addf(user, "%-22s %s\n", name, about);
}

static void json_row(void *user, const char *name, const char *about)
{
    sc_json_open_object(user, NULL, true);
    sc_json_put_string(user, "name", name);
    sc_json_put_string(user, "about", about);
    sc_json_close(user);
}

int tui_cmd_list(struct tui_args *args)
{
    struct sc_error err = {0};
    struct sc_str text = {0};
    struct sc_json_writer w;
    enum sc_status status = SC_NOT_FOUND;
    const char *names[SC_LEN(lists)];
    for (size_t i = 0; i < SC_LEN(lists); i++) {
        names[i] = lists[i].name;
        if (strcmp(names[i], args->words[0]) != 0)
            continue;
        if (args->settings.json) {
            sc_json_begin(&w, &text);
            sc_json_open_object(&w, NULL, false);
            sc_json_open_array(&w, names[i], false);
            status = lists[i].list(json_row, &w, &err);
            sc_json_close(&w);
            sc_json_close(&w);
            sc_str_add(&text, "\n");
        } else {
            status = lists[i].list(text_row, &text, &err);
        }
    }
    if (status == SC_NOT_FOUND && !err.message[0]) {
        const char *near = sc_nearest(args->words[0], names, SC_LEN(lists));
        status =
            sc_fail(&err, SC_USAGE, "there is no list of '%s'; %s%s", args->words[0],
                    near ? "did you mean " : "there are models, clusters, kinds, formats, solvers", near ? near : "");
    }
    int result = status == SC_OK ? tui_batch_put(&args->settings, &text) : tui_report(&err);
    sc_str_free(&text);
    return result;
}
