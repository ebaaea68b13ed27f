/*
 * media_protocol.h - the contract between the broker (holds secrets, links no
 * libav) and reelgate-media (links libav, holds nothing): one process per
 * job, started by fork + exec with an empty environment.
 *
 * Descriptors of the worker:
 *   0  the request: one JSON document, then end of file
 *   2  its log (lines)
 *   3  the input, or the first extent of it, read-only; further extents in
 *      the next descriptors after 5 as the request's "extents" says
 *   4  the output directory (O_DIRECTORY), the only writable place
 *   5  results: frames of {u32 length, big-endian; JSON text of that length,
 *      at most MEDIA_FRAME_MAX}
 *
 * Request:
 *   {"job":"analyze"|"clips"|...,    (media/kinds.c)
 *    "size":N, "extents":[{"fd":3,"offset":0,"size":N},...],
 *    "threads":T, "memory_bytes":M, "deadline_s":S,
 *    "clips":[{"id":"uuid","start":10.0,"end":25.0,          (clips only)
 *       "mode":"exact"|"copy", "aspect":"original"|"9:16"|"1:1",
 *       "center_x":0..1}]}                     (these three may be absent)
 *    "times":[1.5,20], "exact":bool  (thumbnails only; exact may be absent)
 * Frames from the worker:
 *   {"type":"progress","percent":0..100}
 *   {"type":"deadline","duration":seconds}  once, after the header was read
 *   {"type":"result", ...}                  once, last
 *   {"type":"error","code":"unsupported_media"|"corrupt_media"|
 *      "limit_exceeded"|"internal","message":"..."}         last instead
 * Result of analyze: {"probe":{...},"poster":"poster.jpg",
 *   "thumbnails":[{"file":"thumb-1.jpg","time":s,"width":w,"height":h}],
 *   "analysis":{"version":N,"scenes":[...],"silences":[...],"loudness":{...},
 *      "motion":[...],"segments":[...],"hooks":[...],"suggestions":{...}},
 *   "files":[{"role":"poster","file":"poster.jpg"},...], every file of the
 *   result: what poster, thumbnails and the analysis name is among them
 * Result of probe: {"probe":{...}} of the headers alone
 * Result of storyboard: {"storyboard":{...} as in analysis,"files":[...]}
 * Result of thumbnails: {"pictures":[{"time":s,"shown":s,"file":"at-MS.jpg",
 *   "webp":"at-MS.webp","width","height"}|{"time":s,"error":".."}],"files":[..]}
 * Result of clips: {"clips":[{"id","file":"clip-<id>.mp4",
 *   "thumbnail":"clip-<id>.jpg","duration":s,"mode":"exact"|"copy",
 *   "note":"why not as asked"|null}|{"id","error":".."}]}
 * Result of hls: {"video":[{"file":"hls-0.mp4","width","height","frame_rate",
 *   "copied":bool,"codecs":"avc1.64001f","header":bytes,"bytes":[of each
 *   segment],"durations":[s], of the first only: they are those of all},..],
 *   "audio":{"file":"hls-audio.mp4","channels","copied","codecs","header",
 *   "bytes","durations"}|null}; a file is its header and its segments
 * Result of captions: {"captions":{"file":"captions.vtt",
 *   "words_file":"captions.json","language":"en-US","engine":"pocketsphinx",
 *   "accuracy":"low","speech":seconds,"words":count,
 *   "keywords":[{"word","count","confidence"}]}|null (no sound),"files":[..]}
 * What a file does not have is null: "poster" and "thumbnail" of an audio
 * file. docs/media.md describes every member.
 * Files named in a result lie in the output directory, plain names of
 * [a-z0-9.-] without a leading dot. All outputs a job may have are created
 * before the sandbox closes: those no result names are left empty.
 * Exit status: 0 after a result or error frame; else a crash or a kill, which
 * the broker classifies (SIGSYS: policy; SIGKILL, SIGXCPU: limits; SIGSEGV,
 * SIGABRT..: crash).
 */
#ifndef PROCESSOR_MEDIA_PROTOCOL_H
#define PROCESSOR_MEDIA_PROTOCOL_H

/* Of the analysis document: a new one makes old documents stale. */
#define MEDIA_ANALYSIS_VERSION 4

#define MEDIA_FD_REQUEST 0
#define MEDIA_FD_INPUT 3
#define MEDIA_FD_OUTPUT 4
#define MEDIA_FD_RESULT 5
#define MEDIA_FRAME_MAX (4u << 20)
#define MEDIA_REQUEST_MAX (256u << 10)
#define MEDIA_EXTENTS_MAX 1024
#define MEDIA_CLIPS_MAX 64
#define MEDIA_TIMES_MAX 30
#define MEDIA_ID_MAX 64 /* of a clip: [a-z0-9-], part of its file names */

#endif
