/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Logical meshes: a submesh of the cluster viewed as named axes, and where the groups over these axes lie.
 */
#include "cost/cost.h"

#include <string.h>

enum { MAX_DEVICES = 1 << 16 };

/* The number of a device's group over `mask`: its coordinates on the other axes. */
static int group_of(const struct sc_axes *axes, unsigned mask, int device)
{
    int group = 0, radix = 1;
    for (int a = axes->count - 1; a >= 0; a--) {
        int digit = device % axes->size[a];
        device /= axes->size[a];
        if ((mask >> a & 1) == 0) {
            group += digit * radix;
            radix *= axes->size[a];
        }
    }
    return group;
}

/* Scratch of lay_groups, one element a group. */
struct lay {
    int last_host, run, hosts, least, most;
};

/* Devices are walked in order, so a group's devices on one host follow each other. */
static void lay_groups(const struct sc_mesh *mesh, unsigned mask, struct lay *lays, struct sc_group *out)
{
    int total = mesh->hosts * mesh->devices;
    int members = sc_axes_product(&mesh->axes, mask);
    int groups = total / members;
    for (int g = 0; g < groups; g++)
        lays[g] = (struct lay){.last_host = -1, .least = members};
    for (int device = 0; device < total; device++) {
        struct lay *lay = &lays[group_of(&mesh->axes, mask, device)];
        int host = device / mesh->devices;
        if (host != lay->last_host) {
            if (lay->hosts > 0 && lay->run < lay->least)
                lay->least = lay->run;
            lay->last_host = host;
            lay->hosts++;
            lay->run = 0;
        }
        lay->run++;
        if (lay->run > lay->most)
            lay->most = lay->run;
    }
    *out = (struct sc_group){.devices = members, .hosts = 1, .per_host = members};
    for (int g = 0; g < groups; g++) {
        struct lay *lay = &lays[g];
        if (lay->run < lay->least)
            lay->least = lay->run;
        int per_host = lay->least == lay->most ? lay->most : 0;
        if (lay->hosts > out->hosts || (lay->hosts == out->hosts && per_host == 0)) {
            out->hosts = lay->hosts;
            out->per_host = per_host;
        }
    }
    if (out->hosts == 1)
        return;
    for (int host = 0; host < mesh->hosts; host++) { /* how many groups leave this host */
        int sharing = 0;
        for (int g = 0; g < groups; g++)
            lays[g].run = 0;
        for (int d = 0; d < mesh->devices; d++) {
            struct lay *lay = &lays[group_of(&mesh->axes, mask, host * mesh->devices + d)];
            if (lay->hosts > 1 && lay->run++ == 0)
                sharing++;
        }
        if (sharing > out->sharing)
            out->sharing = sharing;
    }
}

enum sc_status sc_mesh_make(const struct sc_cluster *cluster, int hosts, int devices, const struct sc_axes *axes,
                            enum sc_formulas formulas, struct sc_mesh *out, struct sc_error *err)
{
    if (hosts < 1 || hosts > cluster->hosts || devices < 1 || devices > cluster->devices_per_host)
        return sc_fail(err, SC_INPUT, "%d hosts of %d devices are not within %s, which has %d hosts of %d devices",
                       hosts, devices, cluster->name, cluster->hosts, cluster->devices_per_host);
    if (axes->count < 1 || axes->count > SC_MAX_AXES)
        return sc_fail(err, SC_INPUT, "a mesh of %d axes; it has one to %d", axes->count, SC_MAX_AXES);
    int64_t product = 1, total = (int64_t)hosts * devices;
    for (int a = 0; a < axes->count; a++) {
        if (axes->size[a] < 1 || axes->size[a] > MAX_DEVICES || (product *= axes->size[a]) > MAX_DEVICES)
            return sc_fail(err, SC_INPUT, "mesh axis %c has size %d; at most %d devices are possible", sc_axis_name(a),
                           axes->size[a], MAX_DEVICES);
    }
    if (product != total)
        return sc_fail(err, SC_INPUT, "the axes of the mesh multiply to %d; %d hosts of %d devices are %d devices",
                       (int)product, hosts, devices, (int)total);
    struct lay *lays = sc_calloc((size_t)total, sizeof *lays);
    if (lays == NULL)
        return sc_fail(err, SC_NO_MEMORY, "no memory for a mesh of %d devices", (int)total);
    *out =
        (struct sc_mesh){.cluster = cluster, .hosts = hosts, .devices = devices, .axes = *axes, .formulas = formulas};
    for (unsigned mask = 0; mask < 1u << axes->count; mask++)
        lay_groups(out, mask, lays, &out->group[mask]);
    sc_free(lays);
    return SC_OK;
}

static void shapes_from(int left, int max_axes, struct sc_axes *made, struct sc_axes *out, int max, int *count)
{
    if (left == 1) {
        if (*count < max)
            out[*count] = *made;
        ++*count;
        return;
    }
    if (made->count == max_axes)
        return;
    for (int size = left; size >= 2; size--) {
        if (left % size != 0)
            continue;
        made->size[made->count++] = size;
        shapes_from(left / size, max_axes, made, out, max, count);
        made->size[--made->count] = 0;
    }
}

int sc_mesh_shapes(int devices, int max_axes, struct sc_axes *out, int max)
{
    int count = 0;
    if (max_axes > SC_MAX_AXES)
        max_axes = SC_MAX_AXES;
    if (devices < 1 || devices > MAX_DEVICES || max_axes < 1)
        return 0;
    struct sc_axes made = {0};
    if (devices == 1) {
        if (max > 0)
            out[0] = (struct sc_axes){.count = 1, .size = {1}};
        return 1;
    }
    shapes_from(devices, max_axes, &made, out, max, &count);
    return count;
}

bool sc_axes_parse(const char *text, struct sc_axes *out)
{
    struct sc_axes axes = {0};
    int64_t product = 1;
    for (;;) {
        int64_t size = 0;
        const char *start = text;
        for (; *text >= '0' && *text <= '9' && size <= MAX_DEVICES; text++)
            size = size * 10 + (*text - '0');
        if (text == start || size < 1 || size > MAX_DEVICES || axes.count == SC_MAX_AXES)
            return false;
        if ((product *= size) > MAX_DEVICES)
            return false;
        axes.size[axes.count++] = (int)size;
        if (*text == '\0')
            break;
        if (*text++ != 'x')
            return false;
    }
    *out = axes;
    return true;
}
