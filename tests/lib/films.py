"""Films that are known to the second, as sources of ffmpeg's lavfi."""

SIZE = "s=320x240:r=30"
# 40 s of a still picture and a murmur, but from 20 to 30 s all moves and is
# loud.
BURST = (f"smptebars=d=20:{SIZE},setsar=1[a];"
         f"testsrc2=d=10:{SIZE},scroll=h=0.05:v=0.03,setsar=1[b];"
         f"smptebars=d=10:{SIZE},setsar=1[c];[a][b][c]concat=n=3")
BURST_SOUND = ("aevalsrc='if(between(t,20,30),0.5,0.01)*sin(440*2*PI*t)'"
               ":d=40:s=48000")
