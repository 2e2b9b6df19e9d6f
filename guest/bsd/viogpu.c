/* SPDX-License-Identifier: ISC */
/*
 * virtio-gpu, two-dimensional (5.7): a frame buffer in the guest's memory and a device that copies
 * it to a screen when it is told.
 *
 * - No features are needed. Two queues: control (0) and cursor (1); both have to exist.
 * - Every command is a struct that begins with a header (5.7.6.7), followed in the same chain by
 * room for the answer. VIRTIO_GPU_FLAG_FENCE with a fence_id asks that the answer wait for the work
 * and repeat the id; this driver fences everything and waits for each answer.
 * - To get a picture: ask for the size (GET_DISPLAY_INFO), create a resource on the device's side
 *   (RESOURCE_CREATE_2D), name the guest memory behind it (RESOURCE_ATTACH_BACKING, in physical
 *   addresses), show it (SET_SCANOUT). Then for each change: copy (TRANSFER_TO_HOST_2D), and show
 * the copied part (RESOURCE_FLUSH).
 * - A device answers nothing before DRIVER_OK (3.1.1). Some do all the same, Apple's does not: a
 * driver that asks for the display's size while it attaches, before virtio_attach_finish, waits for
 * ever.
 *
 * viogpu_wsmmap is what a user program's mmap of the display ends in. The kernel has three numbers
 * for the frame buffer's first byte, and they are easily confused because all of them are integers:
 * the kernel virtual address through which it draws, the segment's address that the device was
 * given, and the physical address that goes into the user's page tables. The wrong one compiles,
 * works in every test that does not start X, and is bug 2 of docs/bsd-drivers.md.
 *
 * Boot arguments: gpu=pa (the driver as it should be), gpu=kva (as OpenBSD's was before
 * viogpu.c 1.13) or gpu=image (the same mistake with an address in the kernel's image); row=N, the
 * first row that the user program paints, and user=N, where it runs; resource=N, the resource's id
 * (1); fb=N, the frame buffer at RAM + N or above; backing=kva, the device is given a kernel
 * virtual address too.
 */
#include "picture.h"
#include "pmap.h"
#include "uvm.h"
#include "virtio.h"

#define VQ_CONTROL 0
#define VQ_CURSOR  1

/* Commands and answers (5.7.6.7) */
#define CMD_GET_DISPLAY_INFO        0x0100u
#define CMD_RESOURCE_CREATE_2D      0x0101u
#define CMD_SET_SCANOUT             0x0103u
#define CMD_RESOURCE_FLUSH          0x0104u
#define CMD_TRANSFER_TO_HOST_2D     0x0105u
#define CMD_RESOURCE_ATTACH_BACKING 0x0106u
#define RESP_OK_NODATA              0x1100u
#define RESP_OK_DISPLAY_INFO        0x1101u
#define FLAG_FENCE                  1u
#define FORMAT_B8G8R8X8             2u
#define SCANOUTS_MAX                16

struct gpu_header {
    uint32_t type, flags;
    uint64_t fence_id;
    uint32_t ctx_id, ring_idx_and_padding;
};

struct gpu_rect {
    uint32_t x, y, width, height;
};

struct gpu_display_info {
    struct gpu_header header;
    struct {
        struct gpu_rect rect;
        uint32_t enabled, flags;
    } scanouts[SCANOUTS_MAX];
};

struct gpu_create_2d {
    struct gpu_header header;
    uint32_t resource, format, width, height;
};

struct gpu_attach_backing {
    struct gpu_header header;
    uint32_t resource, entries;
    struct {
        uint64_t address;
        uint32_t length, padding;
    } entry[1];
};

struct gpu_set_scanout {
    struct gpu_header header;
    struct gpu_rect rect;
    uint32_t scanout, resource;
};

struct gpu_flush {
    struct gpu_header header;
    struct gpu_rect rect;
    uint32_t resource, padding;
};

struct gpu_transfer {
    struct gpu_header header;
    struct gpu_rect rect;
    uint64_t offset;
    uint32_t resource, padding;
};

struct viogpu_softc {
    struct virtio_softc *vsc;
    struct bus_dma_tag fb_tag;
    bus_dmamap_t cmd_map, fb_map;
    bus_dma_segment_t fb_seg;
    void *cmd, *fb_kva;
    uint64_t fence_id;
    size_t fb_size;
    uint32_t width, height, resource;
};

static struct viogpu_softc *viogpu; /* the one that user programs see */

/* Memory that the CPU and the device share: one segment, mapped and loaded. */
static int alloc_shared(bus_dma_tag_t tag, size_t size, bus_dma_segment_t *seg, bus_dmamap_t *map,
                        void **kva)
{
    int nsegs, error;

    error = bus_dmamap_create(tag, size, 1, size, 0, BUS_DMA_NOWAIT, map);
    if (error)
        return error;
    error = bus_dmamem_alloc(tag, size, PAGE_SIZE, 0, seg, 1, &nsegs, BUS_DMA_ZERO);
    if (error)
        return error;
    error = bus_dmamem_map(tag, seg, nsegs, size, kva, BUS_DMA_NOWAIT);
    if (error)
        return error;
    return bus_dmamap_load(tag, *map, *kva, size, NULL, BUS_DMA_NOWAIT);
}

/* Sends a fenced command, and waits for its answer as OpenBSD's driver does, by polling. The type
 * of the answer must be `wanted`. */
static int command(struct viogpu_softc *sc, void *cmd, size_t size, void *answer,
                   size_t answer_size, uint32_t wanted)
{
    struct virtio_softc *vsc = sc->vsc;
    struct virtqueue *vq = &vsc->vq[VQ_CONTROL];
    struct gpu_header *header = cmd, *got = answer;
    unsigned slot;
    uint32_t length;
    int error;

    header->flags = FLAG_FENCE;
    header->fence_id = ++sc->fence_id;
    memcpy(sc->cmd, cmd, size);
    memset((uint8_t *)sc->cmd + size, 0, answer_size);
    if (virtio_enqueue_prep(vq, &slot) || virtio_enqueue_reserve(vq, slot, 2))
        return EBUSY;
    bus_dmamap_sync(vsc->dmat, sc->cmd_map, 0, size, BUS_DMASYNC_PREWRITE);
    bus_dmamap_sync(vsc->dmat, sc->cmd_map, size, answer_size, BUS_DMASYNC_PREREAD);
    virtio_enqueue_p(vq, slot, sc->cmd_map, 0, size, true);
    virtio_enqueue_p(vq, slot, sc->cmd_map, size, answer_size, false);
    virtio_enqueue_commit(vq, slot, true);
    error = virtio_wait(vq, false, &slot, &length);
    if (error)
        return error;
    bus_dmamap_sync(vsc->dmat, sc->cmd_map, 0, size, BUS_DMASYNC_POSTWRITE);
    bus_dmamap_sync(vsc->dmat, sc->cmd_map, size, answer_size, BUS_DMASYNC_POSTREAD);
    memcpy(answer, (uint8_t *)sc->cmd + size, answer_size);
    virtio_dequeue_commit(vq, slot);
    if (got->type == wanted && got->fence_id == sc->fence_id)
        return 0;
    kprintf("%s: command 0x%x: answer 0x%x, fence %lu of %lu\n", vsc->name, header->type, got->type,
            got->fence_id, sc->fence_id);
    return EIO;
}

/* A command whose answer is a header. */
static int simple_command(struct viogpu_softc *sc, void *cmd, size_t size)
{
    struct gpu_header answer;

    return command(sc, cmd, size, &answer, sizeof(answer), RESP_OK_NODATA);
}

static int get_display_info(struct viogpu_softc *sc)
{
    struct gpu_header cmd = {.type = CMD_GET_DISPLAY_INFO};
    struct gpu_display_info info;
    int error = command(sc, &cmd, sizeof(cmd), &info, sizeof(info), RESP_OK_DISPLAY_INFO);

    if (error)
        return error;
    sc->width = info.scanouts[0].rect.width;
    sc->height = info.scanouts[0].rect.height;
    return info.scanouts[0].enabled && sc->width > 1 && sc->height > 1 ? 0 : ENXIO;
}

static int create_2d(struct viogpu_softc *sc)
{
    struct gpu_create_2d cmd = {
        {.type = CMD_RESOURCE_CREATE_2D}, sc->resource, FORMAT_B8G8R8X8, sc->width, sc->height};

    return simple_command(sc, &cmd, sizeof(cmd));
}

/* The map's segments are what the device may be told: here one, since the memory was asked for so.
 */
static int attach_backing(struct viogpu_softc *sc)
{
    struct gpu_attach_backing cmd = {{.type = CMD_RESOURCE_ATTACH_BACKING}, sc->resource, 1, {{0}}};

    cmd.entry[0].address = sc->fb_map->dm_segs[0].ds_addr;
    cmd.entry[0].length = (uint32_t)sc->fb_size;
    if (bootarg_is("backing", "kva"))
        cmd.entry[0].address = (uint64_t)sc->fb_kva;
    return simple_command(sc, &cmd, sizeof(cmd));
}

static int set_scanout(struct viogpu_softc *sc)
{
    struct gpu_set_scanout cmd = {
        {.type = CMD_SET_SCANOUT}, {0, 0, sc->width, sc->height}, 0, sc->resource};

    return simple_command(sc, &cmd, sizeof(cmd));
}

/* The whole frame buffer to the screen; OpenBSD's driver does so every 10 ms. */
static int repaint(struct viogpu_softc *sc)
{
    struct gpu_transfer transfer = {
        {.type = CMD_TRANSFER_TO_HOST_2D}, {0, 0, sc->width, sc->height}, 0, sc->resource, 0};
    struct gpu_flush flush = {
        {.type = CMD_RESOURCE_FLUSH}, {0, 0, sc->width, sc->height}, sc->resource, 0};
    int error;

    bus_dmamap_sync(sc->vsc->dmat, sc->fb_map, 0, sc->fb_size, BUS_DMASYNC_PREWRITE);
    error = simple_command(sc, &transfer, sizeof(transfer));
    bus_dmamap_sync(sc->vsc->dmat, sc->fb_map, 0, sc->fb_size, BUS_DMASYNC_POSTWRITE);
    return error ? error : simple_command(sc, &flush, sizeof(flush));
}

/* mmap(2) of the display as it should be: out of bounds is -1, and the rest is a matter of bus_dma.
 */
static paddr_t viogpu_wsmmap(void *device, uint64_t offset, int prot)
{
    struct viogpu_softc *sc = device;

    if (offset >= sc->fb_size)
        return (paddr_t)-1;
    return bus_dmamem_mmap(sc->vsc->dmat, &sc->fb_seg, 1, offset, prot, BUS_DMA_WAITOK);
}

/* And as it was: a virtual address where a physical one belongs. The page tables keep its low 48
 * bits, which are nobody's address. */
static paddr_t viogpu_wsmmap_kva(void *device, uint64_t offset, int prot)
{
    struct viogpu_softc *sc = device;

    return ((paddr_t)sc->fb_kva + offset) | PMAP_NOCACHE;
}

/* The same mistake of a driver whose buffer is a static array. */
static paddr_t viogpu_wsmmap_image(void *device, uint64_t offset, int prot)
{
    return (paddr_t)image_start + offset;
}

static device_mmap chosen_mmap(void)
{
    if (bootarg_is("gpu", "kva"))
        return viogpu_wsmmap_kva;
    return bootarg_is("gpu", "image") ? viogpu_wsmmap_image : viogpu_wsmmap;
}

static int setup(struct viogpu_softc *sc)
{
    struct virtio_softc *vsc = sc->vsc;
    bus_dma_segment_t seg;
    int error;

    if (virtio_negotiate_features(vsc))
        return ENXIO;
    if (virtio_alloc_vq(vsc, VQ_CONTROL, 2, 16) || virtio_alloc_vq(vsc, VQ_CURSOR, 1, 16))
        return ENXIO;
    error = alloc_shared(vsc->dmat, PAGE_SIZE, &seg, &sc->cmd_map, &sc->cmd);
    if (!error)
        error = virtio_attach_finish(vsc);
    if (!error)
        error = get_display_info(sc); /* not before DRIVER_OK */
    if (error)
        return error;
    sc->fb_size = (size_t)sc->width * sc->height * 4;
    error = alloc_shared(&sc->fb_tag, sc->fb_size, &sc->fb_seg, &sc->fb_map, &sc->fb_kva);
    if (error)
        return error;
    kprintf("%s: frame buffer kva 0x%lx pa 0x%lx size 0x%lx resource %u\n", vsc->name,
            (uint64_t)sc->fb_kva, sc->fb_seg.ds_addr, sc->fb_size, sc->resource);
    error = create_2d(sc);
    if (!error)
        error = attach_backing(sc);
    if (!error)
        error = set_scanout(sc);
    return error ? error : repaint(sc);
}

void viogpu_attach(struct virtio_softc *vsc)
{
    struct viogpu_softc *sc = kalloc(sizeof(*sc));
    int error;

    sc->vsc = vsc;
    sc->fb_tag.lowest = bootarg_number("fb", 0);
    sc->resource = (uint32_t)bootarg_number("resource", 1);
    error = setup(sc);
    if (error) {
        virtio_failed(vsc);
        kprintf("FAIL %s: attach: error %d\n", vsc->name, error);
        return;
    }
    kprintf("%s: %ux%u, 32bpp\n", vsc->name, sc->width, sc->height);
    viogpu = sc;
    uvm_device(chosen_mmap(), sc, sc->fb_size);
}

uint64_t viogpu_info(void)
{
    return viogpu ? (uint64_t)viogpu->width << 32 | viogpu->height : 0;
}

static bool has_picture(const struct viogpu_softc *sc)
{
    const uint32_t *pixel = sc->fb_kva;

    for (uint32_t y = 0; y < sc->height; y++)
        for (uint32_t x = 0; x < sc->width; x++)
            if (*pixel++ != picture_pixel(x, y, sc->width, sc->height))
                return false;
    return true;
}

/* The user program's pages and its life; its exit status. */
static uint64_t run_user(void)
{
    vaddr_t text = trunc_page(bootarg_number("user", 0x10000));
    uint64_t size = (uint64_t)(user_end - user_start);
    vaddr_t stack = text + size + PAGE_SIZE; /* with a page that faults below */

    uvm_map_pages(text, (paddr_t)user_start - boot_info.slide, size, PROT_READ | PROT_EXEC);
    uvm_map_pages(stack, page_alloc(PAGE_SIZE, PAGE_SIZE, 0), PAGE_SIZE, PROT_READ | PROT_WRITE);
    return user_run(text, stack + PAGE_SIZE, bootarg_number("row", 0));
}

void viogpu_test(void)
{
    uint64_t status;

    if (!viogpu)
        return;
    status = run_user();
    if (repaint(viogpu))
        kprintf("FAIL %s: repaint\n", viogpu->vsc->name);
    if (status == 0 && has_picture(viogpu))
        kprintf("ok %s: picture painted\n", viogpu->vsc->name);
    else
        kprintf("FAIL %s: %s\n", viogpu->vsc->name,
                status ? "the user program did not end well"
                       : "what the user program painted is not in the frame buffer");
}
