/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Changing what settings say about stages: where they begin and which submesh they have. A session knows no layers, so
 * a layer is the word that names it.
 */
#include <stdio.h>
#include <string.h>

#include "plan/commands.h"

static bool drop_text(struct sc_texts *texts, const char *text, size_t length)
{
    for (int i = 0; i < texts->count; i++)
        if (strncmp(texts->at[i], text, length) == 0) {
            sc_free(texts->at[i]);
            texts->count--;
            memmove(&texts->at[i], &texts->at[i + 1], (size_t)(texts->count - i) * sizeof *texts->at);
            return true;
        }
    return false;
}

enum sc_status plan_cut_set(struct sc_settings *settings, const char *layer, enum plan_cut what, struct sc_error *err)
{
    struct sc_texts *lists[] = {&settings->cuts, &settings->no_cuts};
    bool found = false;
    for (size_t i = 0; i < SC_LEN(lists); i++)
        if ((int)i != (int)what)
            found |= drop_text(lists[i], layer, strlen(layer) + 1);
    if (what == PLAN_CUT_FREE)
        return found ? SC_OK : sc_fail(err, SC_NOT_FOUND, "nothing was said about a cut at '%s'", layer);
    return sc_settings_set(settings, what == PLAN_CUT ? "cut" : "no-cut", layer, err);
}

enum sc_status plan_stage_set(struct sc_settings *settings, const char *stage, const char *mesh, struct sc_error *err)
{
    char prefix[24];
    struct sc_str text = {0};
    int64_t number;
    if (!sc_parse_int(stage, &number) || number < 0 || number >= SC_MOST_STAGES)
        return sc_fail(err, SC_USAGE, "stage '%s': expected the number of a stage, from 0 on", stage);
    snprintf(prefix, sizeof prefix, "%d=", (int)number);
    if (strcmp(mesh, "free") == 0)
        return drop_text(&settings->stage_meshes, prefix, strlen(prefix))
                   ? SC_OK
                   : sc_fail(err, SC_NOT_FOUND, "nothing was said about the mesh of stage %d", (int)number);
    sc_str_addf(&text, "%s%s", prefix, mesh);
    enum sc_status status = text.failed ? sc_fail(err, SC_NO_MEMORY, "no memory for a setting")
                                        : sc_settings_set(settings, "stage-mesh", sc_str_text(&text), err);
    sc_str_free(&text);
    return status;
}
