"""Recognition of the schedule of a run without a plan."""

from paramsched.tools.audit.recognition.recognizing import Recognition as Recognition
from paramsched.tools.audit.recognition.recognizing import RecognitionNote as RecognitionNote
from paramsched.tools.audit.recognition.recognizing import Recognized as Recognized
from paramsched.tools.audit.recognition.recognizing import recognize as recognize
