/*
 * The muxer's file is a descriptor with pread and pwrite. Moving the index to
 * the front needs to read what was written: the muxer "opens" the file again,
 * and gets a reader of the same descriptor, whatever name it asks for.
 */
#include "processor/media/encode/mux.h"
#include "base/io.h"

#include <errno.h>
#include <unistd.h>

#define MUX_BUFFER (64 << 10)

static int
write_packet(void *opaque, uint8_t *p, int n)
{
	struct mux_file *f = opaque;

	if (io_pwrite_all(f->fd, p, (size_t)n, f->at) != 0)
		return AVERROR(errno);
	f->at += n;
	return n;
}

static int
read_packet(void *opaque, uint8_t *p, int n)
{
	struct mux_file *f = opaque;
	ssize_t did = pread(f->fd, p, (size_t)n, f->at);

	if (did < 0)
		return AVERROR(errno);
	f->at += did;
	return did ? (int)did : AVERROR_EOF;
}

static int64_t
seek(void *opaque, int64_t offset, int whence)
{
	struct mux_file *f = opaque;
	int64_t size = lseek(f->fd, 0, SEEK_END);

	whence &= ~AVSEEK_FORCE;
	if (whence == AVSEEK_SIZE)
		return size;
	if (whence == SEEK_CUR)
		offset += f->at;
	else if (whence == SEEK_END)
		offset += size;
	else if (whence != SEEK_SET)
		return AVERROR(EINVAL);
	if (offset < 0)
		return AVERROR(EINVAL);
	f->at = offset;
	return offset;
}

static AVIOContext *
open_io(struct mux_file *file, bool writing)
{
	unsigned char *buffer = av_malloc(MUX_BUFFER);
	AVIOContext *io =
	    buffer ? avio_alloc_context(buffer, MUX_BUFFER, writing, file,
					writing ? NULL : read_packet,
					writing ? write_packet : NULL, seek)
		   : NULL;

	if (!io)
		av_free(buffer);
	return io;
}

static int
reopen(AVFormatContext *s, AVIOContext **pb, const char *url, int flags,
       AVDictionary **options)
{
	const struct mux *mux = s->opaque;
	struct mux_file *file;

	(void)url;
	(void)options;
	if (flags & AVIO_FLAG_WRITE)
		return AVERROR(EPERM);
	file = malloc(sizeof(*file));
	if (!file)
		return AVERROR(ENOMEM);
	*file = (struct mux_file){ .fd = mux->file.fd };
	*pb = open_io(file, false);
	if (*pb)
		return 0;
	free(file);
	return AVERROR(ENOMEM);
}

static int
close_reader(AVFormatContext *s, AVIOContext *pb)
{
	(void)s;
	free(pb->opaque);
	av_freep(&pb->buffer);
	avio_context_free(&pb);
	return 0;
}

int
mux_open(struct job *job, struct mux *mux, int fd)
{
	*mux = (struct mux){ .file = { .fd = fd } };
	if (ftruncate(fd, 0) != 0)
		return job_fail(job, MEDIA_INTERNAL, "cannot empty a clip");
	mux->io = open_io(&mux->file, true);
	if (!mux->io ||
	    avformat_alloc_output_context2(&mux->fmt, NULL, "mp4", NULL) < 0)
		return job_fail(job, MEDIA_LIMIT, "out of memory");
	mux->fmt->pb = mux->io;
	mux->fmt->flags |= AVFMT_FLAG_CUSTOM_IO;
	mux->fmt->opaque = mux;
	mux->fmt->io_open = reopen;
	mux->fmt->io_close2 = close_reader;
	return 0;
}

AVStream *
mux_add(struct job *job, struct mux *mux, const AVCodecContext *encoder)
{
	AVStream *st = avformat_new_stream(mux->fmt, NULL);

	if (!st || avcodec_parameters_from_context(st->codecpar, encoder) < 0) {
		job_fail(job, MEDIA_LIMIT, "out of memory");
		return NULL;
	}
	st->time_base = encoder->time_base;
	st->avg_frame_rate = encoder->framerate;
	st->sample_aspect_ratio = encoder->sample_aspect_ratio;
	return st;
}

AVStream *
mux_add_copy(struct job *job, struct mux *mux, const AVStream *from)
{
	AVStream *st = avformat_new_stream(mux->fmt, NULL);

	if (!st || avcodec_parameters_copy(st->codecpar, from->codecpar) < 0) {
		job_fail(job, MEDIA_LIMIT, "out of memory");
		return NULL;
	}
	/* The name by which Apple's players take HEVC. */
	st->codecpar->codec_tag = from->codecpar->codec_id == AV_CODEC_ID_HEVC
				      ? MKTAG('h', 'v', 'c', '1')
				      : 0;
	st->time_base = from->time_base;
	st->avg_frame_rate = from->avg_frame_rate;
	st->sample_aspect_ratio = from->sample_aspect_ratio;
	return st;
}

int
mux_keep_side_data(struct job *job, AVStream *to, const AVStream *from,
		   enum mux_said what)
{
	static const enum AVPacketSideDataType types[] = {
		AV_PKT_DATA_DISPLAYMATRIX,
		AV_PKT_DATA_MASTERING_DISPLAY_METADATA,
		AV_PKT_DATA_CONTENT_LIGHT_LEVEL,
	};

	for (size_t i = 0; i < (what == MUX_ALL ? ARRAY_LEN(types) : 1); i++) {
		size_t size;
		const uint8_t *data =
		    av_stream_get_side_data(from, types[i], &size);
		uint8_t *copy;

		if (!data)
			continue;
		copy = av_stream_new_side_data(to, types[i], size);
		if (!copy)
			return job_fail(job, MEDIA_LIMIT, "out of memory");
		memcpy(copy, data, size);
	}
	return 0;
}

int
mux_start(struct job *job, struct mux *mux)
{
	AVDictionary *options = NULL;
	int rc;

	av_dict_set(&options, "movflags", "+faststart", 0);
	rc = avformat_write_header(mux->fmt, &options);
	av_dict_free(&options);
	return rc < 0 ? job_fail_av(job, rc, "beginning the clip") : 0;
}

int
mux_write(struct job *job, struct mux *mux, AVPacket *packet)
{
	int rc = av_interleaved_write_frame(mux->fmt, packet);

	return rc < 0 ? job_fail_av(job, rc, "writing the clip") : 0;
}

int
mux_finish(struct job *job, struct mux *mux)
{
	int rc = av_write_trailer(mux->fmt);

	if (rc >= 0 && mux->io->error < 0)
		rc = mux->io->error;
	return rc < 0 ? job_fail_av(job, rc, "finishing the clip") : 0;
}

void
mux_close(struct mux *mux)
{
	avformat_free_context(mux->fmt);
	if (mux->io)
		av_freep(&mux->io->buffer);
	avio_context_free(&mux->io);
	mux->fmt = NULL;
}
