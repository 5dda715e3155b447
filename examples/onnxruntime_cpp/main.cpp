// Run an exported detector with ONNX Runtime and OpenCV: ./detect best.onnx image.jpg [conf]
//
// Takes files with and without suppression inside, of fixed and of free size. Boxes are those of
// `yolo predict model=best.onnx` for a file of fixed size.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include <onnxruntime_cxx_api.h>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

struct Detection {
    float x1, y1, x2, y2, score;
    int cls;
};

struct Placed {
    cv::Mat image;  // of the input's size, grey around
    float gain;
    int left, top;
};

// Put a picture into the middle of a grey one of the input's size.
static Placed letterbox(const cv::Mat& picture, int height, int width) {
    const float gain = std::min(height / float(picture.rows), width / float(picture.cols));
    const int w = int(std::lround(picture.cols * gain)), h = int(std::lround(picture.rows * gain));
    const int left = int(std::lround((width - w) / 2.0 - 0.1)), top = int(std::lround((height - h) / 2.0 - 0.1));
    cv::Mat resized, canvas(height, width, CV_8UC3, cv::Scalar(114, 114, 114));
    cv::resize(picture, resized, cv::Size(w, h), 0, 0, cv::INTER_LINEAR);
    resized.copyTo(canvas(cv::Rect(left, top, w, h)));
    return {canvas, gain, left, top};
}

// BGR bytes (H, W, 3) to RGB floats in 0..1 (3, H, W).
static std::vector<float> planes(const cv::Mat& image) {
    const size_t area = size_t(image.rows) * image.cols;
    std::vector<float> out(3 * area);
    for (int y = 0; y < image.rows; ++y) {
        const auto* row = image.ptr<cv::Vec3b>(y);
        for (int x = 0; x < image.cols; ++x)
            for (int c = 0; c < 3; ++c) out[c * area + size_t(y) * image.cols + x] = row[x][2 - c] / 255.0f;
    }
    return out;
}

static float overlap(const Detection& a, const Detection& b) {
    const float w = std::min(a.x2, b.x2) - std::max(a.x1, b.x1), h = std::min(a.y2, b.y2) - std::max(a.y1, b.y1);
    const float shared = std::max(w, 0.0f) * std::max(h, 0.0f);
    return shared / ((a.x2 - a.x1) * (a.y2 - a.y1) + (b.x2 - b.x1) * (b.y2 - b.y1) - shared);
}

// Drop what a better detection of the same class overlaps by more than `iou`.
static std::vector<Detection> suppressed(std::vector<Detection> found, float iou) {
    std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
    std::vector<Detection> kept;
    for (const auto& one : found) {
        const bool lost = std::any_of(kept.begin(), kept.end(), [&](const auto& better) {
            return better.cls == one.cls && overlap(better, one) > iou;
        });
        if (!lost) kept.push_back(one);
    }
    return kept;
}

// Rows (N, 6) of final detections, or (4 + classes, anchors): centre, size and a score for each class.
static std::vector<Detection> decoded(const float* data, const std::vector<int64_t>& shape, float conf) {
    std::vector<Detection> found;
    if (shape[2] == 6 && shape[1] > shape[2]) {
        for (int64_t i = 0; i < shape[1]; ++i, data += 6)
            if (data[4] > conf) found.push_back({data[0], data[1], data[2], data[3], data[4], int(data[5])});
        return found;
    }
    const int64_t anchors = shape[2], classes = shape[1] - 4;
    for (int64_t i = 0; i < anchors; ++i) {
        int best = 0;
        for (int c = 1; c < classes; ++c)
            if (data[(4 + c) * anchors + i] > data[(4 + best) * anchors + i]) best = c;
        const float score = data[(4 + best) * anchors + i];
        if (score <= conf) continue;
        const float x = data[i], y = data[anchors + i], w = data[2 * anchors + i] / 2, h = data[3 * anchors + i] / 2;
        found.push_back({x - w, y - h, x + w, y + h, score, best});
    }
    return suppressed(std::move(found), 0.7f);
}

int main(int count, char** words) try {
    if (count < 3) {
        std::cerr << "detect model.onnx image.jpg [conf]\n";
        return 2;
    }
    const float conf = count > 3 ? std::strtof(words[3], nullptr) : 0.25f;
    const cv::Mat picture = cv::imread(words[2], cv::IMREAD_COLOR);
    if (picture.empty()) {
        std::cerr << words[2] << " is no picture.\n";
        return 1;
    }

    Ort::Env env(ORT_LOGGING_LEVEL_WARNING, "detect");
    const std::string path = words[1];
    const std::basic_string<ORTCHAR_T> file(path.begin(), path.end());  // wide on Windows
    Ort::Session session(env, file.c_str(), Ort::SessionOptions{});
    Ort::AllocatorWithDefaultOptions allocator;
    const auto input = session.GetInputNameAllocated(0, allocator);
    const auto output = session.GetOutputNameAllocated(0, allocator);
    auto shape = session.GetInputTypeInfo(0).GetTensorTypeAndShapeInfo().GetShape();
    for (size_t i = 0; i < shape.size(); ++i)
        if (shape[i] < 0) shape[i] = i == 0 ? 1 : 640;  // free: one picture of any size; metadata 'imgsz' tells a good one

    const Placed placed = letterbox(picture, int(shape[2]), int(shape[3]));
    auto pixels = planes(placed.image);
    const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
    Ort::Value tensor =
        Ort::Value::CreateTensor<float>(memory, pixels.data(), pixels.size(), shape.data(), shape.size());
    const std::array<const char*, 1> inputs{input.get()}, outputs{output.get()};
    const auto answer = session.Run(Ort::RunOptions{}, inputs.data(), &tensor, 1, outputs.data(), 1);

    const auto info = answer[0].GetTensorTypeAndShapeInfo();
    for (const auto& one : decoded(answer[0].GetTensorData<float>(), info.GetShape(), conf)) {
        const auto back = [&](float v, int border, int limit) {
            return std::clamp((v - border) / placed.gain, 0.0f, float(limit));
        };
        std::cout << one.cls << ' ' << one.score << ' ' << back(one.x1, placed.left, picture.cols) << ' '
                  << back(one.y1, placed.top, picture.rows) << ' ' << back(one.x2, placed.left, picture.cols) << ' '
                  << back(one.y2, placed.top, picture.rows) << '\n';
    }
    return 0;
} catch (const Ort::Exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
}
