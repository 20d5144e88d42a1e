# easyseg for the CPU: the built-in models, OpenVINO, no root, and no network once it is built.
#
#   docker build -t easyseg .
#   docker run --rm --network none -u "$(id -u):$(id -g)" -v "$PWD:/work" easyseg holiday/ -o segmented/
#
# The image is of about 1.45 GB. The second line is run in the folder that holds holiday/; whatever
# follows `easyseg` is the command line's. `-e EASYSEG_OFFLINE=0`, without `--network none`, fetches
# other models; a webcam needs `--device /dev/video0`, and the page with its picture
# `--network host`.
#
# No Docker ran where this was written: each RUN was carried out in a chroot of Debian bookworm with
# its Python 3.11, and then the command line there, as another user and without a network.
FROM python:3.11-slim-bookworm AS build

COPY . /src
# PyTorch's own index has the build without CUDA. OpenCV without windows needs no libGL.
RUN python3 -m venv /opt/easyseg \
    && /opt/easyseg/bin/pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu \
        -c /src/constraints.txt "/src[openvino]" \
    && /opt/easyseg/bin/pip uninstall -y opencv-python \
    && /opt/easyseg/bin/pip install --no-cache-dir opencv-python-headless==$(sed -n 's/^opencv-python==//p' /src/constraints.txt) \
    && cd /opt/easyseg/lib/python3*/site-packages/torch && rm -r include test && cd / \
    && /opt/easyseg/bin/pip uninstall -y pip

FROM python:3.11-slim-bookworm

COPY --from=build /opt/easyseg /opt/easyseg
COPY examples/images/coffee.jpg /tmp/first.jpg
ENV PATH=/opt/easyseg/bin:$PATH EASYSEG_HOME=/var/cache/easyseg EASYSEG_OFFLINE=1
# Any user may come (-u), so that the cache is everybody's. OpenVINO's forms of the two models are
# made now, rather than by every container anew.
RUN for dataset in ade20k voc; do easyseg /tmp/first.jpg --model builtin --dataset $dataset -o /tmp/first_out.png -q; done \
    && rm /tmp/first* \
    && chmod -R a+rwX /var/cache/easyseg \
    && useradd --create-home easyseg
USER easyseg
WORKDIR /work
ENTRYPOINT ["easyseg"]
CMD ["--help"]
